import FedifyKv
import FedifyKvTesting
import FedifyMySQL
import MySQLClient
import Testing

/// Operations that travel in one statement are answered as if each had been alone.
@Suite struct CoalescingTests {
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
            let before = try await pool.executions()
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
            let count = try await pool.executions() - before
            if isEnabled { #expect(count < 300) } else { #expect(count >= 600) }
            #expect(try await kv.count() == 0)
        }
    }

    /// Swaps of entries that are there share a transaction.
    @Test(arguments: try await TestServer.all)
    func concurrentSwapsShareATransaction(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.set(entries: (0..<40).map { KvEntry(key: ["\($0)"], value: json("{\"a\":1,\"b\":\($0)}")) })
            let before = try await pool.executions()
            let swaps = try await kv.gather { line in
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
            #expect(try await pool.executions() - before < 10)
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
            let (writes, reads) = try await kv.gather { line in
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
            let swaps = try await kv.gather { line in
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

    @Test(arguments: try await TestServer.all)
    func aCancelledCallerLeavesTheBatch(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, _ in
            try await kv.createTable()
            let kept = try await kv.gather { line in
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
                let tasks = try await kv.gather { line in
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

    /// How many batches are sent at a time depends on it.
    @Test(arguments: try await TestServer.all)
    func aPoolThatOnlyWritesMeasuresTheRoundTrip(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.createTable()
            let before = try #require(Int(try await pool.sessionStatus("Com_admin_commands")))
            // Once a second.
            try await eventually {
                try await kv.set(["k"], 1)
                return try #require(Int(try await pool.sessionStatus("Com_admin_commands"))) >= before + 2
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aStatementStaysBelowItsLimits(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1, maximumPacketSize: 64 << 10) { kv, pool in
            try await kv.createTable()
            let value = json("\"" + String(repeating: "x", count: 10_000) + "\"")
            let before = try await pool.executions()
            let tasks = try await kv.gather { line in
                var tasks: [Task<Void, any Error>] = []
                for n in 0..<30 { tasks.append(try await line.set(["k", "\(n)"], value)) }
                return tasks
            }
            for task in tasks { try await task.value }
            #expect(try await kv.count() == 30)
            // At most six fit in 64 KiB.
            #expect(try await pool.executions() - before >= 5)
            let many = try await pool.executions()
            try await kv.set(entries: (0..<30).map { KvEntry(key: ["many", "\($0)"], value: value) })
            #expect(try await pool.executions() - many >= 5)
        }
        try await server.withStore(poolSize: 1, options: { $0.coalescing.maximumRows = 8 }) { kv, pool in
            try await kv.createTable()
            let before = try await pool.executions()
            let tasks = try await kv.gather { line in
                var tasks: [Task<JSONValue?, any Error>] = []
                for n in 0..<64 { tasks.append(try await line.add { try await kv.get(["k", "\(n)"]) }) }
                return tasks
            }
            for task in tasks { #expect(try await task.value == nil) }
            #expect(try await pool.executions() - before >= 8)
        }
    }

    @Test(arguments: try await TestServer.all)
    func manyKeysTravelInBoundedStatements(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.createTable()
            let before = try await pool.executions()
            var entries = (0..<1000).map { KvEntry(key: ["k", "\($0)"], value: json("\($0)")) }
            // The last of a key counts.
            entries.insert(KvEntry(key: ["k", "7"], value: json("0")), at: 0)
            try await kv.set(entries: entries)
            let found = try await kv.get(keys: entries.map(\.key) + [["none"]])
            #expect(found.count == 1000)
            for n in 0..<1000 { #expect(found[["k", "\(n)"]] == json("\(n)")) }
            try await kv.delete(keys: entries.map(\.key))
            #expect(try await kv.count() == 0)
            let count = try await pool.executions() - before
            #expect(count >= 3 * 8 && count < 60, "\(count)")
        }
    }
}
