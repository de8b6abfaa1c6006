import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// The pool: bounded, in order of arrival, and never stuck.
@Suite struct PoolTests {
    struct Setting: Sendable, CustomTestStringConvertible {
        let server: TestServer
        let poolSize: Int
        var testDescription: String { "\(server.testDescription), pool of \(poolSize)" }

        static var all: [Setting] {
            get async throws {
                try await TestServer.all.flatMap { server in (1...4).map { Setting(server: server, poolSize: $0) } }
            }
        }
    }

    @Test(arguments: try await Setting.all)
    func moreOperationsThanConnectionsAllFinish(_ setting: Setting) async throws {
        try await setting.server.withStore(poolSize: setting.poolSize) { kv, pool in
            let most = NIOLockedValueBox(0)
            try await withThrowingTaskGroup { group in
                for task in 0..<40 {
                    group.addTask {
                        let key: KvKey = ["mixed", "\(task % 8)"]
                        for round in 0..<5 {
                            try await kv.set(key, round, ttl: .seconds(60))
                            _ = try await kv.get(key)
                            _ = try await kv.cas(key, expected: round, new: round + 1)
                            _ = try await kv.cas(key, expected: nil, new: round)
                            for try await _ in kv.list(prefix: ["mixed"]) {}
                            _ = try await kv.count(prefix: ["mixed"])
                            try await kv.set(
                                entries: [KvEntry(key: key, value: .null), KvEntry(key: ["mixed", "x"], value: .null)])
                            _ = try await kv.get(keys: [key, ["mixed", "x"]])
                            _ = try await kv.getWithTTL(key)
                            try await kv.setKeepingExpiry(key, JSONValue(uncheckedJSON: "1"))
                            _ = try await kv.deleteExpired()
                            try await kv.delete(key)
                            try await kv.delete(prefix: key)
                            let connections = pool.status.connections
                            most.withLockedValue { $0 = max($0, connections) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect((1...setting.poolSize).contains(most.withLockedValue(\.self)))
            #expect(pool.status.waiting == 0)
        }
    }

    @Test(arguments: try await TestServer.all)
    func neverOpensMoreConnectionsThanItWasTold(_ server: TestServer) async throws {
        try await server.withUser(granted: "ALL") { user, password in
            let pool = try server.pool(3) {
                $0.user = user
                $0.password = MySQLConfiguration.Password(password)
            }
            let seen = NIOLockedValueBox<Set<Int64>>([])
            try await withThrowingTaskGroup { group in
                for _ in 0..<64 {
                    group.addTask {
                        for _ in 0..<10 {
                            let id = try await pool.withConnection { connection in
                                var id: Int64?
                                try await connection.query("SELECT CONNECTION_ID() FROM (SELECT SLEEP(0.002)) s") {
                                    id = $0.integer(0)
                                }
                                return id
                            }
                            if let id { _ = seen.withLockedValue { $0.insert(id) } }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(seen.withLockedValue(\.count) <= 3)
            // As the server counts them.
            let connections = try await server.sql(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?", .text(user))
            #expect(Int(connections[0][0] ?? "") ?? 99 <= 3)
            await pool.close()
            try await eventually {
                try await server.sql(
                    "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?", .text(user)) == [["0"]]
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func servesInOrderOfArrival(_ server: TestServer) async throws {
        let pool = try server.pool(1)
        let order = NIOLockedValueBox<[Int]>([])
        let waiting = try await pool.whileBusy {
            var waiting: [Task<Void, any Error>] = []
            for index in 0..<10 {
                waiting.append(
                    Task { try await pool.withConnection { _ in order.withLockedValue { $0.append(index) } } })
                try await eventually { pool.status.waiting == index + 1 }
            }
            return waiting
        }
        for task in waiting { try await task.value }
        #expect(order.withLockedValue(\.self) == Array(0..<10))
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func anAcquisitionThatTakesTooLongSaysWhy(_ server: TestServer) async throws {
        let pool = try server.pool(1) { $0.pool.acquisitionTimeout = .seconds(2) }
        try await pool.whileBusy {
            let started = ContinuousClock.now
            let error = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
            #expect(error?.code == .acquisitionTimedOut)
            #expect(error?.message.contains("1 of 1 in use, 1 operations queued") == true)
            #expect(started.duration(to: .now) < .seconds(5))
        }
        #expect(pool.status.waiting == 0)
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func aCancelledTaskLeavesTheLineAtOnce(_ server: TestServer) async throws {
        let pool = try server.pool(1)
        try await pool.whileBusy {
            let waiting = (0..<100).map { _ in Task { try await pool.withConnection { _ in } } }
            try await eventually { pool.status.waiting == 100 }
            for task in waiting { task.cancel() }
            // The connection is still busy: they did not wait for it.
            for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
            #expect(pool.status.inUse == 1)
            #expect(pool.status.waiting == 0)
            let early = Task {
                try? await Task.sleep(for: .seconds(60))
                try await pool.withConnection { _ in }
            }
            early.cancel()
            await #expect(throws: CancellationError.self) { try await early.value }
        }
        try await pool.withConnection { _ in }
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func idleAndOldConnectionsAreClosed(_ server: TestServer) async throws {
        let idle = try server.pool(4) { $0.pool.idleTimeout = .milliseconds(100) }
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { try await idle.withConnection { try await $0.query("SELECT SLEEP(0.05)") } }
            }
            try await group.waitForAll()
        }
        try await eventually { idle.status.connections == 0 }
        try await idle.withConnection { _ in }
        await idle.close()

        let old = try server.pool(1) { $0.pool.maximumLifetime = .milliseconds(50) }
        let first = try await old.id()
        try await eventually { try await old.id() != first }
        await old.close()
    }

    @Test(arguments: try await TestServer.all)
    func aKilledConnectionIsReplaced(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 2) { kv, pool in
            try await kv.set(["k"], 1)
            for _ in 0..<10 {
                try await server.sql("KILL \(try await pool.id())")
                #expect(try await kv.get(["k"], as: Int.self) == 1)
                let won = try await kv.cas(["k"], expected: 1, new: 1)
                #expect(won)
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aStatementThatOutlivesItsDeadlineIsEnded(_ server: TestServer) async throws {
        let pool = try server.pool(1) { $0.operationTimeout = .seconds(2) }
        try await pool.withConnection(deadline: .now + .seconds(20)) { _ in }
        let started = ContinuousClock.now
        let error = await #expect(throws: MySQLError.self) {
            // No SELECT: MySQL ends one at the deadline, and answers.
            try await pool.withConnection { try await $0.query("DO SLEEP(30)") }
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(started.duration(to: .now) < .seconds(10))
        try await pool.withConnection(deadline: .now + .seconds(20)) { try await $0.query("SELECT 1") }
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func preparedStatementsAreFewAndClosed(_ server: TestServer) async throws {
        let pool = try server.pool(1) { $0.maximumPreparedStatements = 8 }
        for number in 0..<50 {
            try await pool.withConnection { connection in
                for _ in 0..<3 { try await connection.query("SELECT \(number)") }
            }
        }
        let prepares = try #require(Int(try await pool.sessionStatus("Com_stmt_prepare")))
        let closes = try #require(Int(try await pool.sessionStatus("Com_stmt_close")))
        // Each text was prepared once, though run three times, and all but the kept ones are closed.
        #expect((50...60).contains(prepares))
        #expect(prepares - closes <= 9)
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func aClosedPoolRefusesAndALostOneCloses(_ server: TestServer) async throws {
        let pool = try server.pool(2)
        let closing = try await pool.whileBusy {
            let closing = Task { await pool.close() }
            try await eventually {
                do {
                    try await pool.withConnection { _ in }
                    return false
                } catch let error as MySQLError {
                    return error.code == .closed
                }
            }
            // Work under way is finished.
            #expect(pool.status.inUse == 1)
            return closing
        }
        await closing.value
        #expect(pool.status.connections == 0)

        let id: Int64 = try await {
            let lost = try server.pool(1)
            return try await lost.id()
        }()
        try await eventually {
            try await server.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE id = \(id)") == [["0"]]
        }
    }

    @Test(arguments: try await TestServer.all)
    func writesAreCommittedWhateverTheSessionsStartWith(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, session: ["SET autocommit = 0"]) { kv, pool in
            try await kv.set(["k"], 1)
            let other = try server.another(kv)
            #expect(try await other.get(["k"], as: Int.self) == 1)
            await other.pool.close()
        }
    }

    @Test(arguments: try await TestServer.all)
    func aWrongPasswordIsToldAtOnceAndAWrongPortAtTheDeadline(_ server: TestServer) async throws {
        let started = ContinuousClock.now
        let wrongPort = try server.pool {
            ($0.addresses, $0.operationTimeout) = ([.tcp(host: "127.0.0.1", port: 1)], .seconds(2))
        }
        let unreachable = await #expect(throws: MySQLError.self) { try await wrongPort.withConnection { _ in } }
        #expect(unreachable?.code == .connectionFailed)
        let wrongPassword = try server.pool { $0.password = "not the password" }
        let denied = await #expect(throws: MySQLError.self) { try await wrongPassword.withConnection { _ in } }
        #expect(denied?.code == .accessDenied)
        #expect(denied.map { "\($0)" }?.contains("not the password") == false)
        let wrongDatabase = try server.pool { $0.database = "no_such_database" }
        let unknown = await #expect(throws: MySQLError.self) { try await wrongDatabase.withConnection { _ in } }
        #expect(unknown?.code == .accessDenied)
        #expect(started.duration(to: .now) < .seconds(20))
    }

    @Test(arguments: try await TestServer.all)
    func columnsComeByLengthAndInAnySize(_ server: TestServer) async throws {
        let pool = try server.pool(1)
        let rows = try await pool.withConnection { connection in
            var rows: [[String?]] = []
            try await connection.query(
                "SELECT CONCAT('a', CHAR(0), 'b'), NULL, '', REPEAT('x', 1000000) UNION ALL SELECT 'c', 'd', ?, ''",
                [.text("e\0f")], maximumRows: 2
            ) { row in rows.append((0..<row.count).map { row.text($0) }) }
            return rows
        }
        #expect(rows == [["a\0b", nil, "", String(repeating: "x", count: 1_000_000)], ["c", "d", "e\0f", ""]])
        // More rows than were asked for break the connection, and not the pool.
        let error = await #expect(throws: MySQLError.self) {
            try await pool.withConnection { try await $0.query("SELECT 1 UNION ALL SELECT 2") }
        }
        #expect(error?.code == .protocolViolation)
        try await pool.withConnection { try await $0.query("SELECT 1") }
        await pool.close()
    }
}
