import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// What fails in a batch fails alone.
@Suite struct BatchFailureTests {
    /// A value that a server can't keep fails individually; all others are stored, in few statements.
    @Test(arguments: try await TestServer.all)
    func oneBadRowFailsAlone(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, maximumPacketSize: 1 << 20) { kv, pool in
            try await kv.createTable()
            let deep = json(String(repeating: "[", count: 120) + String(repeating: "]", count: 120))
            let large = json("\"" + String(repeating: "x", count: 2 << 20) + "\"")
            let before = try await pool.executions()
            let (good, deepOne, largeOne, longLife) = try await kv.gather { line in
                var good: [Task<Void, any Error>] = []
                for n in 0..<20 { good.append(try await line.set(["good", "\(n)"], json("\(n)"))) }
                let deepOne = try await line.set(["deep"], deep)
                for n in 20..<30 { good.append(try await line.set(["good", "\(n)"], json("\(n)"))) }
                let largeOne = try await line.set(["large"], large)
                let longLife = try await line.add { try await kv.set(["long"], json("1"), ttl: .seconds(2.52e11)) }
                for n in 30..<40 { good.append(try await line.set(["good", "\(n)"], json("\(n)"))) }
                return (good, deepOne, largeOne, longLife)
            }
            for task in good { try await task.value }
            #expect(await errorCode(deepOne) == .unsupportedValue)
            #expect(await errorCode(largeOne) == .valueTooLarge)
            #expect(await errorCode(longLife) == .invalidTTL)
            #expect(try await kv.count(prefix: ["good"]) == 40)
            #expect(try await kv.count() == 40)
            #expect(try await pool.executions() - before < 40)
        }
    }

    /// A row that another transaction has locked holds up its own operation alone, the next time not even for a moment.
    @Test(arguments: try await TestServer.all)
    func aLockedRowHoldsUpNoOthers(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(poolSize: 4, logger: log.logger) { kv, _ in
            try await kv.set(["locked"], 0)
            // A statement that waits for a row's lock may delay inserts into the gap before it.
            try await kv.set(["gap"], 0)
            let other = try await OpenTransaction(
                on: server, "SELECT `key` FROM `\(kv.options.tableName)` WHERE `key` = '[\"locked\"]' FOR UPDATE")
            func setAll(_ round: Int) async throws {
                try await withThrowingTaskGroup { group in
                    for n in 0..<40 { group.addTask { try await kv.set(["free", "\(round)", "\(n)"], n) } }
                    try await group.waitForAll()
                }
            }
            func timeouts() -> Int { log.text.components(separatedBy: "error 1205").count - 1 }
            func firstFailures() -> Int { log.text.matches(of: /"mysql_attempt": 1[,\]]/).count }
            func locked() -> Task<Void, any Error> { Task { try await kv.set(["locked"], 1) } }
            let first = locked()
            // All beside it are stored while the row is locked.
            for round in 0..<20 { try await setAll(round) }
            // It has waited alone, too: from now on it isn't sent with others.
            let together = timeouts()
            try await eventually { timeouts() > together + 1 }
            #expect(!log.text.contains("1213"))
            let before = (timeouts: timeouts(), firstFailures: firstFailures())
            #expect(before.firstFailures > 0)
            let more = (0..<4).map { _ in locked() }
            for round in 20..<60 { try await setAll(round) }
            // Only those of the locked key wait.
            try await eventually { timeouts() > before.timeouts + 4 }
            #expect(firstFailures() <= before.firstFailures + 4)
            try await other.commit()
            for task in [first] + more { try await task.value }
            #expect(try await kv.get(["locked"], as: Int.self) == 1)
        }
    }

    /// A statement that is chosen as a deadlock's victim: each of its operations is tried again.
    @Test(arguments: try await TestServer.all)
    func aDeadlockIsNobodysError(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(poolSize: 1, logger: log.logger) { kv, pool in
            let table = kv.options.tableName
            for key in ["a", "b", "c"] { try await kv.set([key], 0) }
            // The more a transaction has changed, the less likely is it the victim.
            let rows = (0..<50).map { "('\($0)', '1', NULL)" }.joined(separator: ", ")
            let other = try await OpenTransaction(
                on: server, "INSERT INTO `\(table)` VALUES \(rows)",
                "UPDATE `\(table)` SET `value` = '9' WHERE `key` = '[\"b\"]'")
            let tasks = try await kv.gather { line in
                var tasks: [Task<Void, any Error>] = []
                for key in ["c", "b", "a"] { tasks.append(try await line.set([key], json("1"))) }
                return tasks
            }
            // The three rows are asked for in one statement, which holds the first one and waits for the second.
            try await eventually { try await isWaitingForALock(server) }
            try await other.commit("UPDATE `\(table)` SET `value` = '9' WHERE `key` = '[\"a\"]'")
            for task in tasks { try await task.value }
            for key in ["a", "b", "c"] { #expect(try await kv.get([key], as: Int.self) == 1) }
            #expect(log.text.contains("error 1213") || log.text.contains("error 1205"))
        }
    }

    private func isWaitingForALock(_ server: TestServer) async throws -> Bool {
        // Not from information_schema.innodb_trx: frequent queries of it are answered from a cache.
        try await server.sql("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] != "0"
    }
}
