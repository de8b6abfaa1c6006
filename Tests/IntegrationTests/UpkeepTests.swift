import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// The removal of expired rows, and the making of the table.
@Suite struct UpkeepTests {
    private func rows(_ server: TestServer, _ kv: MySQLKvStore) async throws -> Int {
        Int(try await server.sql("SELECT COUNT(*) FROM `\(kv.options.tableName)`")[0][0] ?? "") ?? -1
    }

    @Test(arguments: try await TestServer.all)
    func expiredRowsAreRemovedAndNoOthers(_ server: TestServer) async throws {
        try await server.withStore(options: { $0.upkeep.batchSize = 100 }) { kv, _ in
            let entries = (0..<1050).map { KvEntry(key: ["expired", "\($0)"], value: .null) }
            try await kv.set(entries: entries, ttl: .zero)
            try await kv.set(["live"], 1, ttl: .seconds(1000))
            try await kv.set(["for ever"], 1)
            #expect(try await rows(server, kv) == 1052)
            #expect(try await kv.deleteExpired() == 1050)
            #expect(try await rows(server, kv) == 2)
            #expect(try await kv.deleteExpired() == 0)
        }
    }

    /// A cluster may refuse the lock: rows are removed all the same, and it is logged once.
    @Test(arguments: try await TestServer.all)
    func withoutALockExpiredRowsAreRemovedAllTheSame(_ server: TestServer) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        proxy.rewrite { bytes in
            let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
            let isLock = text.hasPrefix("SELECT GET_LOCK(") || text.hasPrefix("SELECT IS_FREE_LOCK(")
            return isLock
                ? .statement("SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1235, MESSAGE_TEXT = 'no locks here'") : .asItIs
        }
        let log = CapturedLog()
        let pool = try server.pool(2, through: proxy, isPlain: true, logger: log.logger)
        try await server.withStore { direct, _ in
            var options = direct.options
            options.upkeep.interval = .milliseconds(50)
            let kv = try MySQLKvStore(pool, options: options)
            try await kv.set(["expired"], 1, ttl: .zero)
            #expect(try await kv.deleteExpired() == 1)
            try await kv.set(["expired"], 1, ttl: .zero)
            try await kv.set(["live"], 1, ttl: .seconds(100))
            let sweeping = Task { await kv.run() }
            try await eventually { try await rows(server, kv) == 1 }
            sweeping.cancel()
            await sweeping.value
        }
        await pool.close()
        #expect(log.text.components(separatedBy: "expired rows are removed without a lock").count == 2)
    }

    /// A sweep that can't be done is a warning, once.
    @Test(arguments: try await TestServer.all)
    func aSweepThatFailsAgainAndAgainIsToldOnce(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore { direct, _ in
            try await direct.set(["expired"], 1, ttl: .zero)
            let rights = "SELECT, INSERT, UPDATE"
            try await server.withUser(granted: rights, on: direct.options.tableName) { user, password in
                let pool = try server.pool(2, logger: log.logger) {
                    ($0.user, $0.password) = (user, MySQLConfiguration.Password(password))
                }
                var options = direct.options
                options.upkeep.interval = .milliseconds(20)
                let kv = try MySQLKvStore(pool, options: options)
                let sweeping = Task { await kv.run() }
                try await eventually { log.text.components(separatedBy: "expired rows were not removed").count > 4 }
                sweeping.cancel()
                await sweeping.value
                await pool.close()
            }
        }
        let warnings = log.text.split(separator: "\n").filter {
            $0.contains("expired rows were not removed") && $0.contains("warning")
        }
        #expect(warnings.count == 1)
    }

    /// Rows that are refreshed while a sweep is under way stay.
    @Test(arguments: try await TestServer.all)
    func aRefreshedRowIsNeverRemoved(_ server: TestServer) async throws {
        try await server.withStore(options: { $0.upkeep.batchSize = 50 }) { kv, _ in
            let keys = (0..<200).map { KvKey(["r", "\($0)"]) }
            for _ in 0..<5 {
                try await kv.set(entries: keys.map { KvEntry(key: $0, value: .null) }, ttl: .zero)
                try await withThrowingTaskGroup { group in
                    group.addTask { _ = try await kv.deleteExpired() }
                    for key in keys.shuffled() { group.addTask { try await kv.set(key, 1, ttl: .seconds(1000)) } }
                    try await group.waitForAll()
                }
                _ = try await kv.deleteExpired()
                #expect(try await kv.count(prefix: ["r"]) == keys.count)
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aStoreSweepsByItselfAfterWrites(_ server: TestServer) async throws {
        try await server.withStore(options: {
            $0.upkeep.isAutomatic = true
            $0.upkeep.interval = .milliseconds(50)
        }) { kv, _ in
            try await kv.set(["expired"], 1, ttl: .zero)
            try await eventually {
                try await kv.set(["live"], 1, ttl: .seconds(100))
                return try await rows(server, kv) == 1
            }
        }
        try await server.withStore { kv, _ in
            // Switched off: the row stays, until `run()` takes it.
            try await kv.set(["expired"], 1, ttl: .zero)
            for _ in 0..<50 { try await kv.set(["live"], 1, ttl: .seconds(100)) }
            #expect(try await rows(server, kv) == 2)
            let upkeep = Task { await kv.run() }
            try await eventually { try await rows(server, kv) == 1 }
            upkeep.cancel()
            await upkeep.value
        }
    }

    /// A connection that holds the sweepers' lock on a store's table, until it is closed.
    private func otherSweeper(_ server: TestServer, _ kv: MySQLKvStore) async throws -> MySQLPool {
        let pool = try server.pool(1)
        let table = kv.options.tableName
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT GET_LOCK(CONCAT('fedify_kv_sweep_', LEFT(SHA2(CONCAT(DATABASE(), '.', ?), 256), 32)), 0)",
                [.text(table)])
        }
        return pool
    }

    /// While one sweeper works, another one leaves it alone.
    @Test(arguments: try await TestServer.all)
    func oneSweeperWorksAtATime(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(["expired"], 1, ttl: .zero)
            let other = try await otherSweeper(server, kv)
            #expect(try await kv.deleteExpired() == 0)
            #expect(try await rows(server, kv) == 1)
            await other.close()
            try await eventually { try await kv.deleteExpired() == 1 }
        }
    }

    /// The same for the sweeper in the background, which begins when the other one has ended.
    @Test(arguments: try await TestServer.all)
    func aSweeperWaitsForItsTurn(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(logger: log.logger, options: { $0.upkeep.interval = .milliseconds(50) }) { kv, _ in
            try await kv.set(["expired"], 1, ttl: .zero)
            let other = try await otherSweeper(server, kv)
            let upkeep = Task { await kv.run() }
            try await eventually { log.text.contains("another sweeper is running") }
            #expect(try await rows(server, kv) == 1)
            await other.close()
            try await eventually { try await rows(server, kv) == 0 }
            upkeep.cancel()
            await upkeep.value
            #expect(log.text.contains("batch of expired rows removed"))
            #expect(!log.text.contains("expired rows were not removed"))
        }
    }

    /// A running sweep ends when its task is cancelled, which is not a failure.
    @Test(arguments: try await TestServer.all)
    func aCancelledSweepIsNoFailure(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(logger: log.logger, options: { $0.upkeep.batchSize = 1 }) { kv, _ in
            let entries = (0..<2000).map { KvEntry(key: ["expired", "\($0)"], value: .null) }
            try await kv.set(entries: entries, ttl: .zero)
            let upkeep = Task { await kv.run() }
            try await eventually { log.text.contains("batch of expired rows removed") }
            upkeep.cancel()
            await upkeep.value
            #expect(try await rows(server, kv) > 0)
            #expect(!log.text.contains("expired rows were not removed"))
        }
    }

    @Test(arguments: try await TestServer.all)
    func theTableIsMadeOnFirstUseByAnyNumberAtOnce(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let stores = try (0..<8).map { _ in try server.another(kv, poolSize: 2) }
            try await withThrowingTaskGroup { group in
                for (index, store) in stores.enumerated() {
                    group.addTask { try await store.createTable() }
                    group.addTask { try await store.set(["k", "\(index)"], index) }
                }
                for _ in 0..<3 {
                    group.addTask {
                        let outcome = try await CommandLineTool.run(
                            ["init", "--table", kv.options.tableName], url: server.url)
                        #expect(outcome.exitCode == 0, "\(outcome.errors)")
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await kv.count() == 8)
            for store in stores { await store.pool.close() }

            let created = try await server.sql("SHOW CREATE TABLE `\(kv.options.tableName)`")
            let ddl = (created[0][1] ?? "").lowercased()
            #expect(ddl.contains("`key` varchar(768)"))
            #expect(ddl.contains("`expires` datetime(6) default null"))
            #expect(ddl.contains("key `idx_\(kv.options.tableName)_expires` (`expires`)"))
            #expect(ddl.contains("engine=innodb") && ddl.contains("utf8mb4_bin"))
            #expect(ddl.contains("json") && ddl.contains("primary key (`key`)"))

            try await kv.dropTable()
            try await kv.dropTable()
            #expect(try await kv.get(["k", "1"]) == nil)
            #expect(try await kv.count() == 0)
        }
    }

    /// A server whose tables are COMPACT by default has no room for the key in them.
    @Test(arguments: try await TestServer.all)
    func theTableHasItsOwnRowFormat(_ server: TestServer) async throws {
        try await server.withGlobal("innodb_default_row_format", "'compact'") {
            try await server.withStore { kv, _ in
                let key = KvKey([String(repeating: "😀", count: 764)])
                try await kv.set(key, 1)
                #expect(try await kv.get(key, as: Int.self) == 1)
            }
        }
    }

    /// The TypeScript store creates the index in a second step, and may have been stopped before it.
    @Test(arguments: try await TestServer.all)
    func aMissingIndexIsMade(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            let table = kv.options.tableName
            try await server.sql("DROP INDEX `idx_\(table)_expires` ON `\(table)`")
            try await kv.createTable()
            let indexes = try await server.sql("SHOW INDEX FROM `\(table)`")
            #expect(indexes.contains { $0[2] == "idx_\(table)_expires" })
        }
    }

    @Test(arguments: try await TestServer.all)
    func fourRightsAreEnough(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            try await server.withUser(
                granted: "SELECT, INSERT, UPDATE, DELETE", on: kv.options.tableName
            ) { user, password in
                let pool = try server.pool(2) {
                    $0.user = user
                    $0.password = MySQLConfiguration.Password(password)
                }
                let least = try MySQLKvStore(pool, options: kv.options)
                try await least.createTable()
                try await least.set(["k"], 1, ttl: .seconds(100))
                #expect(try await least.get(["k"], as: Int.self) == 1)
                #expect(try await least.cas(["k"], expected: 1, new: 2))
                #expect(try await least.cas(["new"], expected: nil, new: 2, ttl: .zero))
                #expect(try await least.cas(["new"], expected: nil, new: 3))
                try await least.setKeepingExpiry(["k"], .null)
                #expect(try await least.getWithTTL(["k"])?.value == .null)
                try await least.set(entries: [KvEntry(key: ["m"], value: .null)], ttl: .zero)
                #expect(try await least.get(keys: [["k"], ["m"]]).count == 1)
                #expect(try await least.deleteExpired() == 1)
                #expect(try await least.count() == 2)
                var listed = 0
                for try await _ in least.list() { listed += 1 }
                #expect(listed == 2)
                try await least.delete(["k"])
                try await least.delete(keys: [["k"], ["m"]])
                #expect(try await least.delete(prefix: ["new"]) == 1)
                let denied = await #expect(throws: KvError.self) { try await least.dropTable() }
                #expect(denied?.code == .serverError)
                var options = kv.options
                options.tableName += "_missing"
                let missing = try MySQLKvStore(pool, options: options)
                let error = await #expect(throws: KvError.self) { try await missing.set(["k"], 1) }
                #expect(error?.code == .serverError)
                await pool.close()
            }
        }
    }
}
