import FedifyKv
import FedifyMySQL
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// More load than the server takes: what waits is bounded, is served in order of arrival, and is told when it waits too long.
@Suite struct OverloadTests {
    /// First come, first served: under load no caller starves.
    @Test(arguments: try await TestServer.all)
    func nobodyStarves(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, options: { $0.coalescing.maximumRows = 4 }) { kv, _ in
            try await kv.createTable()
            let counts = NIOLockedValueBox([Int](repeating: 0, count: 32))
            try await withThrowingTaskGroup { group in
                for caller in 0..<32 {
                    group.addTask {
                        while counts.withLockedValue({ $0.reduce(0, +) }) < 4000 {
                            try await kv.set(["k", "\(caller)"], 1)
                            counts.withLockedValue { $0[caller] += 1 }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let (least, most) = counts.withLockedValue { ($0.min() ?? 0, $0.max() ?? 0) }
            #expect(least * 2 >= most, "from \(least) to \(most)")
        }
    }

    /// More than the server can process: the queue is bounded, requests time out, and work continues afterwards.
    @Test(arguments: try await TestServer.all)
    func overloadIsRefused(_ server: TestServer) async throws {
        let pool = try server.pool(1) {
            $0.pool.maximumQueuedOperations = 20
            $0.pool.acquisitionTimeout = .seconds(3)
        }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let kv = try MySQLKvStore(pool, options: direct.options)
            try await kv.gather { line in
                var waiting: [Task<Void, any Error>] = []
                for n in 0..<20 { waiting.append(try await line.set(["k", "\(n)"], json("1"))) }
                let error = await #expect(throws: KvError.self) { try await kv.set(["k"], 1) }
                #expect(error?.code == .overloaded)
                #expect(error?.message.contains("20 operations are queued") == true, "\(error?.message ?? "")")
                for task in waiting {
                    let error = await #expect(throws: KvError.self) { try await task.value }
                    #expect(error?.code == .overloaded)
                    #expect(error?.message.contains("1 of 1 in use") == true, "\(error?.message ?? "")")
                }
                // A caller may be answered before the count is decremented.
                try await eventually { kv.pool.status.waiting == 0 }
                #expect(pool.status.connections == 1)
            }
            try await kv.set(["k"], 1)
            #expect(try await kv.count() == 1)
        }
        await pool.close()
    }

    /// A closed pool refuses queued requests; those in progress complete.
    @Test(arguments: try await TestServer.all)
    func closingThePoolRefusesWhatWaits(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { direct, _ in
            try await direct.createTable()
            let pool = try server.pool(1)
            let kv = try MySQLKvStore(pool, options: direct.options)
            let closing = try await kv.gather { line in
                var waiting: [Task<Void, any Error>] = []
                for n in 0..<5 { waiting.append(try await line.set(["k", "\(n)"], json("1"))) }
                let closing = Task { await pool.close() }
                for task in waiting { #expect(await errorCode(task) == .closed) }
                return closing
            }
            await closing.value
            #expect(await errorCode(Task { try await kv.set(["k"], 1) }) == .closed)
            #expect(try await direct.count() == 0)
        }
    }

    /// The server stands still under load: requests in progress continue afterwards, those that wait for too long fail,
    /// those over the limit fail immediately, and no refused write was applied.
    @Test(arguments: try await TestServer.all, [true, false])
    func moreLoadThanTheServerTakesIsRefused(_ server: TestServer, _ isEnabled: Bool) async throws {
        let pool = try server.pool(2) {
            $0.pool.maximumQueuedOperations = 1000
            $0.pool.acquisitionTimeout = .seconds(2)
            $0.lockWaitTimeout = .seconds(60)
        }
        try await server.withStore(options: { $0.coalescing.isEnabled = isEnabled }) { direct, _ in
            try await direct.createTable()
            let kv = try MySQLKvStore(pool, options: direct.options)
            let value = json("\"" + String(repeating: "x", count: 1000) + "\"")
            // In an empty table this locks the gap that all new rows would go in.
            let other = try await OpenTransaction(
                on: server, "SELECT `key` FROM `\(direct.options.tableName)` FOR UPDATE")
            let refused = NIOLockedValueBox<[String: Int]>([:])
            var most = (connections: 0, waiting: 0)
            let served = try await withThrowingTaskGroup(of: Bool.self) { group in
                for n in 0..<3000 {
                    group.addTask {
                        do {
                            try await kv.set(["\(n)"], value)
                            return true
                        } catch let error as KvError where error.code == .overloaded {
                            refused.withLockedValue { $0[String(error.message.prefix(20)), default: 0] += 1 }
                            return false
                        }
                    }
                }
                func answered() -> Int { refused.withLockedValue { $0.values.reduce(0, +) } }
                var before = -1
                while pool.status.waiting > 0 || answered() != before || before <= 0 {
                    before = answered()
                    most.connections = max(most.connections, pool.status.connections)
                    most.waiting = max(most.waiting, pool.status.waiting)
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await other.commit()
                return try await group.reduce(0) { $1 ? $0 + 1 : $0 }
            }
            let count = refused.withLockedValue(\.self)
            #expect(Set(count.keys) == ["no connection became", "1000 operations are "])
            #expect(served > 0 && served + count.values.reduce(0, +) == 3000)
            #expect(try await direct.count() == served)
            #expect(most.connections == 2)
            // Looked at now and then.
            #expect((500...1000).contains(most.waiting))
            // It is over: the next call is served.
            try await kv.set(["k"], 1)
            #expect(kv.pool.status.waiting == 0)
            #expect(pool.status.waiting == 0)
        }
        await pool.close()
    }

    /// A server that doesn't answer: each caller is answered at the deadline, and the connection is given up.
    @Test(arguments: try await TestServer.all)
    func aStatementUnderWayEndsAtTheDeadline(_ server: TestServer) async throws {
        try await server.withStore { direct, _ in
            try await direct.set(["k"], 0)
            let other = try await OpenTransaction(
                on: server, "SELECT `key` FROM `\(direct.options.tableName)` FOR UPDATE")
            let pool = try server.pool(1) {
                $0.operationTimeout = .seconds(2)
                $0.lockWaitTimeout = .seconds(30)
            }
            let kv = try MySQLKvStore(pool, options: direct.options)
            let codes = await withTaskGroup(of: KvError.Code?.self) { group in
                for _ in 0..<20 { group.addTask { await errorCode(Task { try await kv.set(["k"], 1) }) } }
                return await group.reduce(into: Set<KvError.Code?>()) { $0.insert($1) }
            }
            #expect(codes.isSubset(of: [.deadlineExceeded, .overloaded]), "\(codes)")
            #expect(codes.contains(.deadlineExceeded))
            try await other.commit()
            try await eventually { await errorCode(Task { try await kv.set(["k"], 2) }) == nil }
            #expect(try await direct.get(["k"], as: Int.self) == 2)
            await pool.close()
        }
    }
}
