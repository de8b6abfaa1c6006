import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Listing: page by page, in flat memory, past rows of other programs.
@Suite struct ListingTests {
    /// Rows of the digits, in SQL: a number's digits come of joining it with itself.
    private static let digits = "(" + (0...9).map { "SELECT \($0) d" }.joined(separator: " UNION ALL ") + ")"

    /// Keys `["list","000000"]` to `["list","199999"]`, made by the server.
    private func fill(_ server: TestServer, _ kv: MySQLKvStore) async throws {
        try await kv.createTable()
        let joined = "abcde".map { "\(Self.digits) \($0)" }.joined(separator: ", ")
        try await server.sql(
            """
            INSERT INTO `\(kv.options.tableName)` SELECT CONCAT('["list","', CONCAT(f.d, a.d, b.d, c.d, d.d, e.d), '"]'), \
            CONCAT('"', REPEAT('x', 200), '"'), NULL FROM (SELECT 0 d UNION ALL SELECT 1) f, \(joined)
            """)
    }

    /// Lists entries below a prefix in a process of its own, whose memory nothing else uses: the lines, and the most
    /// memory that the process had, in bytes, at the first of them and at the last that was watched. The output's pipe
    /// must hold less than comes after the watched lines: then the process is alive.
    private func listInAnotherProcess(
        _ server: TestServer, _ kv: MySQLKvStore, prefix: String..., watched: Int
    ) throws -> (lines: Int, first: Int, last: Int) {
        let process = CommandLineTool.make(["list", "--table", kv.options.tableName] + prefix, url: server.url)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var (lines, first, last) = (0, 0, 0)
        while true {
            let chunk = output.fileHandleForReading.availableData
            if chunk.isEmpty { break }
            if lines < watched { last = peakMemory(process.processIdentifier) }
            if lines == 0 { first = last }
            lines += chunk.count { $0 == UInt8(ascii: "\n") }
        }
        process.waitUntilExit()
        return (lines, first, last)
    }

    /// The peak memory of a process in bytes, where the system reports it.
    private func peakMemory(_ process: Int32) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first).flatMap { Int($0) }.map { $0 << 10 } ?? 0
    }

    @Test(arguments: try await TestServer.all)
    func twoHundredThousandRowsTakeFlatMemory(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await fill(server, kv)
            #expect(try await kv.count(prefix: ["list"]) == 200_000)
            let (lines, first, last) = try listInAnotherProcess(server, kv, prefix: "list", watched: 195_000)
            #expect(lines == 200_000)
            #if os(Linux)
                #expect(first > 0)
                #expect(last - first <= 20 << 20, "grew by \((last - first) >> 10) KiB")
            #endif
        }
    }

    /// A page of large values ends by their size, before it has the rows it asked for.
    @Test(arguments: try await TestServer.all)
    func aHundredValuesOfAMegabyteTakeLittleMemory(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            try await server.sql(
                """
                INSERT INTO `\(kv.options.tableName)` SELECT CONCAT('["large","', a.d, b.d, '"]'), \
                CONCAT('"', REPEAT('x', 1000000), '"'), NULL FROM \(Self.digits) a, \(Self.digits) b
                """)
            let (lines, _, peak) = try listInAnotherProcess(server, kv, watched: 99)
            #expect(lines == 100)
            #if os(Linux)
                // A first page of all the rows it asks for would have 64 MB alone.
                #expect((1...60 << 20).contains(peak), "\(peak >> 20) MiB")
            #endif
        }
    }

    @Test(arguments: try await TestServer.all)
    func theNextPageIsFetchedAheadAndNoFurther(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            try await fill(server, kv)
            var looks = 0
            func fetched() async throws -> Int {
                defer { looks += 1 }
                return try #require(Int(try await pool.sessionStatus("Com_stmt_execute"))) - looks
            }
            let iterator = kv.list(prefix: ["list"]).makeAsyncIterator()
            // A page takes two statements: its sizes, and its rows.
            let before = try await fetched()
            let first = try await next(iterator)
            #expect(first?.key == ["list", "000000"])
            try await eventually { try await fetched() == before + 4 }
            // The line is first come, first served: a third page would be before these.
            for _ in 0..<20 { #expect(try await fetched() == before + 4) }
            withExtendedLifetime(iterator) {}
            // Left after the first entry: at most one more page is fetched.
            for try await _ in kv.list() { break }
            for _ in 0..<20 { #expect((before + 6...before + 8).contains(try await fetched())) }
        }
    }

    private func next(_ iterator: KvEntries.Iterator) async throws -> KvEntry? {
        var iterator = iterator
        return try await iterator.next()
    }

    @Test(arguments: try await TestServer.all)
    func largeValuesArePagedBySize(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let value = JSONValue(uncheckedJSON: "\"" + String(repeating: "y", count: 300_000) + "\"")
            try await kv.set(entries: (0..<40).map { KvEntry(key: ["large", "\($0)"], value: value) })
            try await kv.set(entries: (0..<2000).map { KvEntry(key: ["small", "\($0)"], value: .null) })
            var keys: [KvKey] = []
            for try await entry in kv.list() {
                keys.append(entry.key)
                if entry.key.components()[0] == "large" { #expect(entry.value == value) }
            }
            #expect(keys.count == 2040)
            #expect(keys == keys.sorted())
            #expect(Swift.Set(keys).count == 2040)
        }
    }

    @Test(arguments: try await TestServer.all)
    func rowsWithForeignKeysAreSkippedAndCounted(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(logger: log.logger) { kv, _ in
            try await kv.set(["a"], 1)
            try await kv.set(["a", "b"], 2)
            try await kv.set(["\u{0}\u{1f}\u{7f}\u{2028}é😀\"\\/\n"], 3)
            let foreign = [
                "plain", "[", "[]", "[1]", "[\"a\",1]", "[\"a\", \"b\"]", "{\"a\":1}", "\"a\"", "null", "[\"a\"",
                "[\"a\",\"b\"] ", "[[\"a\"]]", "[\"\\u0041\"]", "[\"\\u001F\"]", "[\"\\u0008\"]", "[\"\\/\"]",
                "[\"\\ud83d\"]",
                "[\"a\",\"\\ud800\"]", "zzz", "[\"a\",", "[\"a\",]",
                "[\"a\"]\n", "[\"a\",\"b\"]\n", "[\"a\"]\r\n",
            ]
            for key in foreign {
                try await server.sql(
                    "INSERT INTO `\(kv.options.tableName)` VALUES (?, '0', NULL) ON DUPLICATE KEY UPDATE `value` = '0'",
                    .text(key))
            }
            var keys: [KvKey] = []
            for try await entry in kv.list() { keys.append(entry.key) }
            #expect(keys.count == 3)
            #expect(try await kv.count() == 3)
            #expect(try await kv.count(prefix: ["a"]) == 2)
            let all = try await server.sql("SELECT COUNT(*) FROM `\(kv.options.tableName)`")
            let skipped = (Int(all[0][0] ?? "") ?? 0) - 3
            let message = "rows with keys of other programs skipped [\"mysql_count\": \(skipped)]"
            #expect(log.text.contains(message), "\(log.text)")
            // They are nobody's to delete.
            #expect(try await kv.delete(prefix: ["a"]) == 2)
            #expect(try await kv.count() == 1)
            #expect(try await server.sql("SELECT COUNT(*) FROM `\(kv.options.tableName)`") == [["\(skipped + 1)"]])
        }
    }

    @Test(arguments: try await TestServer.all)
    func manyKeysAtOnce(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let keys = (0..<1000).map { KvKey(["many", "\($0)"]) }
            try await kv.set(
                entries: keys.enumerated().map { KvEntry(key: $1, value: JSONValue(uncheckedJSON: "\($0)")) },
                ttl: .seconds(100))
            // Of a key that comes twice, the last counts.
            try await kv.set(entries: (0..<5).map { KvEntry(key: ["twice"], value: JSONValue(uncheckedJSON: "\($0)")) })
            let found = try await kv.get(keys: keys + [["missing"], ["twice"], ["twice"]])
            #expect(found.count == 1001)
            #expect(found[["many", "999"]] == JSONValue(uncheckedJSON: "999"))
            #expect(found[["twice"]] == JSONValue(uncheckedJSON: "4"))
            #expect(try await kv.getWithTTL(["many", "1"])?.ttl != nil)
            try await kv.delete(keys: Array(keys.dropLast(3)) + [["missing"]])
            #expect(try await kv.count(prefix: ["many"]) == 3)
            try await kv.set(entries: [])
            try await kv.delete(keys: [])
            #expect(try await kv.get(keys: []).isEmpty)
            let error = await #expect(throws: KvError.self) {
                try await kv.set(entries: [KvEntry(key: ["good"], value: .null), KvEntry(key: [], value: .null)])
            }
            #expect(error?.code == .emptyKey)
            #expect(try await kv.get(["good"]) == nil)
            let wrong = await #expect(throws: KvError.self) { try await kv.delete(prefix: []) }
            #expect(wrong?.code == .emptyKey)
        }
    }
}
