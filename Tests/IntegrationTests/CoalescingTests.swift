import Dispatch
import FedifyKv
import FedifyKvTesting
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// Operations that travel in one statement are answered as if each had been alone.
@Suite struct CoalescingTests {
    /// Collects operations in the store's line, in the order they are added, and lets them go all at once.
    private struct Gathering {
        let kv: MySQLKvStore

        /// Adds an operation to the line.
        func add<T: Sendable>(_ operation: @escaping @Sendable () async throws -> T) async throws -> Task<T, any Error>
        {
            let before = kv.pool.status.waiting
            let task = Task { try await operation() }
            try await eventually { kv.pool.status.waiting == before + 1 }
            return task
        }

        func set(_ key: KvKey, _ value: JSONValue) async throws -> Task<Void, any Error> {
            try await add { [kv] in try await kv.set(key, value) }
        }
    }

    /// Keeps the only connection of a store busy while operations gather.
    private func gather<T>(_ kv: MySQLKvStore, _ body: (Gathering) async throws -> T) async throws -> T {
        try await kv.pool.whileBusy { try await body(Gathering(kv: kv)) }
    }

    private func executions(_ pool: MySQLPool) async throws -> Int {
        Int(try await pool.sessionStatus("Com_stmt_execute")) ?? -1
    }

    private func code<T>(_ task: Task<T, any Error>) async -> KvError.Code? {
        do { _ = try await task.value } catch { return (error as? KvError)?.code }
        return nil
    }

    @Test(arguments: try await TestServer.all, [1, 10])
    func theContractHoldsWithoutCoalescing(_ server: TestServer, _ poolSize: Int) async throws {
        try await server.withStore(poolSize: poolSize, options: { $0.coalescing.isEnabled = false }) { kv, _ in
            try await KvStoreContract(of: kv, maximumKeyLength: MySQLKvStore.maximumKeyLength).check()
        }
    }

    /// 200 gets, 200 sets and 200 deletes: a few statements, or, switched off, one each.
    @Test(arguments: try await TestServer.all, [true, false])
    func concurrentOperationsShareStatements(_ server: TestServer, _ isEnabled: Bool) async throws {
        try await server.withStore(poolSize: 1, options: { $0.coalescing.isEnabled = isEnabled }) { kv, pool in
            try await kv.createTable()
            let before = try await executions(pool)
            for operation in 0..<3 {
                try await withThrowingTaskGroup { group in
                    for n in 0..<200 {
                        group.addTask {
                            switch operation {
                            case 0: try await kv.set(["k", "\(n)"], n)
                            case 1: #expect(try await kv.get(["k", "\(n)"], as: Int.self) == n)
                            default: try await kv.delete(["k", "\(n)"])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let count = try await executions(pool) - before
            if isEnabled { #expect(count < 300) } else { #expect(count >= 600) }
            #expect(try await kv.count() == 0)
        }
    }

    /// Swaps of entries that are there share a transaction.
    @Test(arguments: try await TestServer.all)
    func concurrentSwapsShareATransaction(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.set(entries: (0..<40).map { KvEntry(key: ["\($0)"], value: json("{\"a\":1,\"b\":\($0)}")) })
            let before = try await executions(pool)
            let swaps = try await gather(kv) { line in
                var swaps: [Task<Bool, any Error>] = []
                for n in 0..<40 {
                    swaps.append(
                        try await line.add {
                            // Equal, but written otherwise; the odd ones are not.
                            let expected = json("{\"b\": \(n).0, \"a\": \(1 + n % 2)}")
                            return try await kv.cas(
                                ["\(n)"], expected: expected, new: json("\"new\""), ttl: .seconds(100))
                        })
                }
                return swaps
            }
            for (n, swap) in swaps.enumerated() { #expect(try await swap.value == (n % 2 == 0)) }
            #expect(try await executions(pool) - before < 10)
            for n in 0..<40 {
                let found = try await kv.getWithTTL(["\(n)"])
                #expect(found?.value == (n % 2 == 0 ? json("\"new\"") : json("{\"a\":1,\"b\":\(n)}")))
                #expect((found?.ttl != nil) == (n % 2 == 0))
            }
        }
    }

    /// After the answer, a write is visible through any other connection.
    @Test(arguments: try await TestServer.all)
    func aWriteIsCommittedWhenItIsAnswered(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            let other = try server.another(kv)
            try await withThrowingTaskGroup { group in
                for n in 0..<64 {
                    group.addTask {
                        let key: KvKey = ["k", "\(n)"]
                        for round in 0..<20 {
                            try await kv.set(key, round)
                            #expect(try await other.get(key, as: Int.self) == round)
                            #expect(try await kv.cas(key, expected: round, new: -round))
                            #expect(try await other.get(key, as: Int.self) == -round)
                            try await kv.delete(key)
                            #expect(try await other.get(key) == nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
            await other.pool.close()
        }
    }

    @Test(arguments: try await TestServer.all)
    func aKeyThatStandsTwiceIsAnsweredInOrder(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, _ in
            try await kv.set(["a"], 0)
            let (writes, reads) = try await gather(kv) { line in
                var writes: [Task<Void, any Error>] = []
                for value in ["1", "2", "3"] { writes.append(try await line.set(["k"], json(value))) }
                for value in ["3", "1"] { writes.append(try await line.set(["j"], json(value))) }
                var reads: [Task<JSONValue?, any Error>] = []
                for key in ["a", "none", "a", "a", "none"] {
                    reads.append(try await line.add { try await kv.get([key]) })
                }
                return (writes, reads)
            }
            for write in writes { try await write.value }
            #expect(try await kv.get(["k"]) == json("3"))
            #expect(try await kv.get(["j"]) == json("1"))
            for (read, value) in zip(reads, [json("0"), nil, json("0"), json("0"), nil]) {
                #expect(try await read.value == value)
            }
            let swaps = try await gather(kv) { line in
                var swaps: [Task<Bool, any Error>] = []
                for (expected, new) in [("3", "4"), ("3", "5"), ("4", "6"), ("6", "7")] {
                    swaps.append(
                        try await line.add { try await kv.cas(["k"], expected: json(expected), new: json(new)) })
                }
                return swaps
            }
            var won: [Bool] = []
            for swap in swaps { won.append(try await swap.value) }
            #expect(won == [true, false, true, true])
            #expect(try await kv.get(["k"]) == json("7"))
        }
    }

    /// A value that a server can't keep fails individually; all others are stored, in few statements.
    @Test(arguments: try await TestServer.all)
    func oneBadRowFailsAlone(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, maximumPacketSize: 1 << 20) { kv, pool in
            try await kv.createTable()
            let deep = json(String(repeating: "[", count: 120) + String(repeating: "]", count: 120))
            let large = json("\"" + String(repeating: "x", count: 2 << 20) + "\"")
            let before = try await executions(pool)
            let (good, deepOne, largeOne, longLife) = try await gather(kv) { line in
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
            #expect(await code(deepOne) == .unsupportedValue)
            #expect(await code(largeOne) == .valueTooLarge)
            #expect(await code(longLife) == .invalidTTL)
            #expect(try await kv.count(prefix: ["good"]) == 40)
            #expect(try await kv.count() == 40)
            #expect(try await executions(pool) - before < 40)
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
            let tasks = try await gather(kv) { line in
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
        let sql = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        return try await server.sql(sql)[0][0] != "0"
    }

    @Test(arguments: try await TestServer.all)
    func aCancelledCallerLeavesTheBatch(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, _ in
            try await kv.createTable()
            let kept = try await gather(kv) { line in
                var kept: [Task<Void, any Error>] = []
                for n in 0..<10 {
                    let gone = try await line.set(["gone", "\(n)"], json("1"))
                    kept.append(try await line.set(["kept", "\(n)"], json("1")))
                    gone.cancel()
                    // At once: the connection is still busy.
                    let error = await #expect(throws: KvError.self) { try await gone.value }
                    #expect(error?.code == .cancelled)
                }
                return kept
            }
            for task in kept { try await task.value }
            #expect(try await kv.count(prefix: ["kept"]) == 10)
            #expect(try await kv.count(prefix: ["gone"]) == 0)
            let already = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await kv.set(["gone"], 1)
            }
            let error = await #expect(throws: KvError.self) { try await already.value }
            #expect(error?.code == .cancelled)
            #expect(try await kv.get(["gone"]) == nil)
        }
    }

    /// Whatever number of operations travels together: the texts of statements are few.
    @Test(arguments: try await TestServer.all)
    func theShapesOfStatementsAreFew(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.createTable()
            let before = Int(try await pool.sessionStatus("Com_stmt_prepare")) ?? -1
            for size in 1...40 {
                let tasks = try await gather(kv) { line in
                    (0..<size).flatMap { n in
                        [
                            Task { try await kv.set(["k", "\(n)"], size) },
                            Task { _ = try await kv.get(["k", "\(n)"]) },
                            Task { try await kv.delete(["j", "\(n)"]) },
                        ]
                    }
                }
                for task in tasks { try await task.value }
            }
            let after = Int(try await pool.sessionStatus("Com_stmt_prepare")) ?? -1
            #expect(after - before < 35)
        }
    }

    @Test(arguments: try await TestServer.all)
    func aStatementStaysBelowItsLimits(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, maximumPacketSize: 64 << 10) { kv, pool in
            try await kv.createTable()
            let value = json("\"" + String(repeating: "x", count: 10_000) + "\"")
            let before = try await executions(pool)
            let tasks = try await gather(kv) { line in
                var tasks: [Task<Void, any Error>] = []
                for n in 0..<30 { tasks.append(try await line.set(["k", "\(n)"], value)) }
                return tasks
            }
            for task in tasks { try await task.value }
            #expect(try await kv.count() == 30)
            // At most six fit in 64 KiB.
            #expect(try await executions(pool) - before >= 5)
            let many = try await executions(pool)
            try await kv.set(entries: (0..<30).map { KvEntry(key: ["many", "\($0)"], value: value) })
            #expect(try await executions(pool) - many >= 5)
        }
        try await server.withStore(poolSize: 1, options: { $0.coalescing.maximumRows = 8 }) { kv, pool in
            try await kv.createTable()
            let before = try await executions(pool)
            let tasks = try await gather(kv) { line in
                var tasks: [Task<JSONValue?, any Error>] = []
                for n in 0..<64 { tasks.append(try await line.add { try await kv.get(["k", "\(n)"]) }) }
                return tasks
            }
            for task in tasks { #expect(try await task.value == nil) }
            #expect(try await executions(pool) - before >= 8)
        }
    }

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
            try await gather(kv) { line in
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
            let closing = try await gather(kv) { line in
                var waiting: [Task<Void, any Error>] = []
                for n in 0..<5 { waiting.append(try await line.set(["k", "\(n)"], json("1"))) }
                let closing = Task { await pool.close() }
                for task in waiting { #expect(await code(task) == .closed) }
                return closing
            }
            await closing.value
            #expect(await code(Task { try await kv.set(["k"], 1) }) == .closed)
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
                for _ in 0..<20 { group.addTask { await code(Task { try await kv.set(["k"], 1) }) } }
                return await group.reduce(into: Set<KvError.Code?>()) { $0.insert($1) }
            }
            #expect(codes.isSubset(of: [.deadlineExceeded, .overloaded]), "\(codes)")
            #expect(codes.contains(.deadlineExceeded))
            try await other.commit()
            try await eventually { await code(Task { try await kv.set(["k"], 2) }) == nil }
            #expect(try await direct.get(["k"], as: Int.self) == 2)
            await pool.close()
        }
    }

    @Test(arguments: try await TestServer.all)
    func manyKeysTravelInBoundedStatements(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.createTable()
            let before = try await executions(pool)
            var entries = (0..<1000).map { KvEntry(key: ["k", "\($0)"], value: json("\($0)")) }
            // The last of a key counts.
            entries.insert(KvEntry(key: ["k", "7"], value: json("0")), at: 0)
            try await kv.set(entries: entries)
            let found = try await kv.get(keys: entries.map(\.key) + [["none"]])
            #expect(found.count == 1000)
            for n in 0..<1000 { #expect(found[["k", "\(n)"]] == json("\(n)")) }
            try await kv.delete(keys: entries.map(\.key))
            #expect(try await kv.count() == 0)
            let count = try await executions(pool) - before
            #expect(count >= 3 * 8 && count < 60, "\(count)")
        }
    }
}

private func json(_ text: String) -> JSONValue { JSONValue(uncheckedJSON: text) }
