import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Compare-and-swap under races, at every isolation level, on pools of one and of ten connections.
@Suite struct CompareAndSwapTests {
    enum Isolation: String, CaseIterable, Sendable {
        case readCommitted = "READ COMMITTED"
        case repeatableRead = "REPEATABLE READ"
        case serializable = "SERIALIZABLE"

        var session: [String] { ["SET SESSION TRANSACTION ISOLATION LEVEL \(rawValue)"] }
    }

    struct Setting: Sendable, CustomTestStringConvertible {
        let server: TestServer
        let isolation: Isolation
        let poolSize: Int
        var testDescription: String { "\(server.testDescription), \(isolation.rawValue), pool of \(poolSize)" }

        static var all: [Setting] {
            get async throws {
                try await TestServer.all.flatMap { server in
                    Isolation.allCases.flatMap { isolation in
                        [1, 10].map { Setting(server: server, isolation: isolation, poolSize: $0) }
                    }
                }
            }
        }
    }

    @Test(arguments: try await Setting.all)
    func oneOfSixtyFourWinsAnAbsentKey(_ setting: Setting) async throws {
        try await setting.server.withStore(poolSize: setting.poolSize, session: setting.isolation.session) { kv, _ in
            for round in 0..<60 {
                let key: KvKey = ["race", "\(round)"]
                let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
                    for task in 0..<64 {
                        group.addTask {
                            try await kv.cas(key, expected: nil, new: task, ttl: .seconds(60)) ? task : nil
                        }
                    }
                    return try await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
                }
                #expect(winners.count == 1)
                #expect(try await kv.get(key, as: Int.self) == winners.first)
            }
        }
    }

    private struct Profile: Codable {
        var name: String
        var followers: [String: Int]
        var born: Date
        var address: [String: [String: Bool]]?
    }

    /// Its text is the same each time, so MariaDB, which compares texts, need not read the entry first.
    @Test(arguments: try await TestServer.all)
    func aTypedSwapTakesOneStatement(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            func statements(_ swap: () async throws -> Bool) async throws -> (won: Bool, count: Int) {
                let before = try await pool.executions()
                let won = try await swap()
                // That question is one too.
                return (won, try await pool.executions() - before - 1)
            }
            func profile(_ followers: Int) -> Profile {
                // A dictionary has an order of its own each time.
                let counts = (0..<50).map { ("follower \($0)", $0 + followers) }.shuffled()
                return Profile(
                    name: "a/b é", followers: Dictionary(uniqueKeysWithValues: counts),
                    born: Date(timeIntervalSince1970: 1_764_000_000.25),
                    address: ["b": ["z": true, "a": false], "a": [:]])
            }
            try await kv.set(["k"], profile(0))
            for round in 0..<20 {
                let swap = try await statements {
                    try await kv.cas(["k"], expected: profile(round), new: profile(round + 1))
                }
                #expect(swap.won && swap.count == 1, "\(swap)")
            }
            // Another text of an equal value takes more, on MariaDB.
            try await kv.set(["k"], JSONValue(uncheckedJSON: #"{"b":1,"a":2}"#))
            let other = try await statements {
                try await kv.cas(["k"], expected: ["a": 2, "b": 1], new: ["a": 3])
            }
            #expect(other.won && other.count == (server.isMariaDB ? 3 : 1), "\(other)")
        }
    }

    @Test(arguments: try await Setting.all)
    func oneOfSixteenTakesOverAnExpiredRow(_ setting: Setting) async throws {
        try await setting.server.withStore(poolSize: setting.poolSize, session: setting.isolation.session) { kv, _ in
            for round in 0..<25 {
                let key: KvKey = ["expired", "\(round)"]
                try await kv.set(key, -1, ttl: .zero)
                let rows = try await setting.server.sql(
                    "SELECT COUNT(*) FROM `\(kv.options.tableName)` WHERE `key` = ?", .text(key.serialized))
                #expect(rows == [["1"]])
                let lost = try await kv.cas(key, expected: -1, new: 5)
                #expect(!lost)
                let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for task in 0..<16 { group.addTask { try await kv.cas(key, expected: nil, new: task) } }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(winners == 1)
            }
        }
    }

    @Test(arguments: try await Setting.all)
    func aCounterOfTwoProcessesIsExact(_ setting: Setting) async throws {
        try await setting.server.withStore(poolSize: setting.poolSize, session: setting.isolation.session) { kv, _ in
            try await kv.createTable()
            // The other process has the server's isolation level.
            try await setting.server.withGlobalIsolation(setting.isolation.rawValue) {
                let other = try PipeProcess(
                    url: setting.server.url("deadline=60&pool-size=\(setting.poolSize)"),
                    table: kv.options.tableName, concurrency: 8)
                defer { other.close() }
                let key: KvKey = ["counter"]
                let each = 20
                try await withThrowingTaskGroup { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for _ in 0..<each {
                                while true {
                                    let present = try await kv.get(key)
                                    let next = (try present?.decode(as: Int.self) ?? 0) + 1
                                    if try await kv.cas(key, expected: present, new: JSONValue(encoding: next)) {
                                        break
                                    }
                                }
                            }
                        }
                        group.addTask {
                            for _ in 0..<each {
                                while true {
                                    let got = try await other.request(["op": "\"get\"", "key": key.serialized])
                                    try #require(got["ok"] == "true", "\(got)")
                                    var swap = ["op": "\"cas\"", "key": key.serialized]
                                    swap["expected"] = got["value"]
                                    swap["new"] = "\((got["value"].flatMap(Int.init) ?? 0) + 1)"
                                    let answer = try await other.request(swap)
                                    try #require(answer["ok"] == "true", "\(answer)")
                                    if answer["swapped"] == "true" { break }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await kv.get(key, as: Int.self) == 16 * each)
            }
        }
    }

    /// Numbers are compared by their exact value, however they are spelled: also where the server could not store the
    /// spelling that is expected.
    @Test(
        arguments: try await TestServer.all,
        [
            ("9007199254740993", "9007199254740993.0", true), ("9007199254740993", "9007199254740993e0", true),
            ("9007199254740993", "90071992547409930e-1", true), ("9007199254740993", "9007199254740992.0", false),
            ("18446744073709551615", "18446744073709551615.00", true),
            ("18446744073709551615", "18446744073709551616.0", false),
            ("9223372036854775807", "9223372036854775807.0", true),
            ("9223372036854775807", "9223372036854775808.0", false),
            ("9223372036854775807", "9.223372036854775808e18", false),
            ("-9223372036854775808", "-9223372036854775808.0", true),
            ("[1,{\"n\":9007199254740993}]", "[1.0,{\"n\":9007199254740993.0}]", true),
            ("0.1", "0.1000000000000000055511151231257827", false), ("1e20", "100000000000000000001", false),
            ("1e20", "100000000000000000000.0", true),
        ])
    func expectedNumbersAreExact(_ server: TestServer, _ numbers: (String, String, Bool)) async throws {
        let (stored, expected, areEqual) = numbers
        try await server.withStore(poolSize: 1) { kv, _ in
            for new in [JSONValue(uncheckedJSON: "\"new\""), nil] {
                try await kv.set(["n"], JSONValue(json: stored))
                #expect(try await kv.cas(["n"], expected: JSONValue(json: expected), new: new) == areEqual)
                #expect(try await kv.get(["n"]) == (areEqual ? new : JSONValue(json: stored)))
            }
        }
    }

    /// A swap whose connection is killed while the server works on it is never reported as done or as not done.
    @Test(arguments: try await TestServer.all)
    func aLostConnectionLeavesTheOutcomeUnknown(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await kv.set(["k"], 1)
            let holder = try server.pool(2)
            let id = try await pool.id()
            let table = kv.options.tableName
            // A lock on the row makes the swap wait on the server.
            let (locked, lock) = AsyncStream.makeStream(of: Void.self)
            let error = await #expect(throws: KvError.self) {
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        try await holder.withConnection { connection in
                            try await connection.query("SET autocommit = 0")
                            try await connection.query("SELECT 1 FROM `\(table)` WHERE `key` = '[\"k\"]' FOR UPDATE")
                            lock.finish()
                            // Until the swap waits for the lock.
                            var isWaiting = false
                            let deadline = ContinuousClock.now + .seconds(20)
                            while !isWaiting, .now < deadline {
                                try await connection.query(
                                    "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? "
                                        + "AND info LIKE 'UPDATE%'", [.integer(id)]
                                ) { isWaiting = $0.integer(0) == 1 }
                            }
                            try await connection.query("KILL \(id)")
                            try await connection.query("SET autocommit = 1")
                        }
                    }
                    group.addTask {
                        for await _ in locked {}
                        _ = try await kv.cas(["k"], expected: 1, new: 2)
                    }
                    try await group.waitForAll()
                }
            }
            #expect(error?.code == .outcomeUnknown)
            // The pool has a new connection, and the store works on.
            #expect(try await kv.get(["k"], as: Int.self) != nil)
            await holder.close()
        }
    }

    /// A deadlock with another transaction never reaches the caller.
    @Test(arguments: try await TestServer.all)
    func aDeadlockIsTriedAgain(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 4) { kv, pool in
            try await kv.createTable()
            let table = kv.options.tableName
            let keys = ["[\"d\",\"1\"]", "[\"d\",\"2\"]"]
            for key in keys { try await kv.set(KvKey(serialized: key)!, 0) }
            // Transactions that take two rows in both orders, and deadlock among themselves and with the store's
            // many-key writes, which take both in one statement.
            let others = try server.pool(2)
            let stop = ContinuousClock.now + .seconds(2)
            try await withThrowingTaskGroup { group in
                for order in [keys, keys.reversed()] {
                    group.addTask {
                        while ContinuousClock.now < stop {
                            do {
                                try await others.withConnection { connection in
                                    try await connection.query("SET autocommit = 0")
                                    for key in order {
                                        try await connection.query(
                                            "UPDATE `\(table)` SET `expires` = NULL WHERE `key` = ?", [.text(key)])
                                    }
                                    try await connection.query("COMMIT")
                                }
                            } catch let error as MySQLError where error.serverCode == 1213 {
                                // This side of a deadlock may lose.
                            }
                        }
                    }
                }
                for order in [keys, keys.reversed()] {
                    let entries = order.map {
                        KvEntry(key: KvKey(serialized: $0)!, value: JSONValue(uncheckedJSON: "1"))
                    }
                    group.addTask { while ContinuousClock.now < stop { try await kv.set(entries: entries) } }
                }
                try await group.waitForAll()
            }
            await others.close()
        }
    }
}
