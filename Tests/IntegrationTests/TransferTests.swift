import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv export`, `import` and `copy`.
@Suite struct TransferTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "fedify-kv-\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path() }

    private func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Runs the tool on a table.
    @discardableResult
    private func run(
        _ server: TestServer, _ kv: MySQLKvStore, _ arguments: String..., input: String = "", exitCode: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> CommandLineTool.Outcome {
        let outcome = try await CommandLineTool.run(
            arguments + ["--table", kv.options.tableName], url: server.url, input: input)
        #expect(outcome.exitCode == exitCode, "\(outcome.errors)", sourceLocation: sourceLocation)
        return outcome
    }

    /// Keys and values of all kinds, 3000 of them.
    private func fill(_ kv: MySQLKvStore) async throws {
        var entries: [KvEntry] = []
        for number in 0..<3000 {
            entries.append(KvEntry(key: ["many", "\(number)"], value: KvValue(trusted: "{\"n\":\(number)}")))
        }
        try await kv.set(entries: entries, ttl: .seconds(100_000))
        try await kv.set(
            ["é\u{1}\"\n", "\u{1F600}"], KvValue(json: "[1.5,\"\\u0000\\n\",null,{\"a\":18446744073709551615}]"))
        try await kv.set(["null"], KvValue.null)
        try await kv.set(["gone"], "v", ttl: .zero)
    }

    private func rows(_ server: TestServer, _ kv: MySQLKvStore) async throws -> [[String?]] {
        try await server.sql(
            "SELECT `key`, `value`, expires FROM \(kv.options.tableName) "
                + "WHERE expires IS NULL OR expires > UTC_TIMESTAMP(6) ORDER BY `key`")
    }

    /// What comes back is the same to the byte and to the microsecond.
    @Test(arguments: try await TestServer.all)
    func whatIsExportedIsImportedUnchanged(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await server.withStore { other, _ in
                try await fill(kv)
                let answer = try await run(server, kv, "export", "--output", path("all.jsonl"), "--json")
                #expect(answer.output.contains("\"entries\":3002"))
                #expect(answer.errors.isEmpty)
                let imported = try await run(server, other, "import", "--input", path("all.jsonl"))
                #expect(imported.output == "3002 entries imported, 0 had ended\n")
                let (before, after) = (try await rows(server, kv), try await rows(server, other))
                #expect(before.map { $0[0...1] } == after.map { $0[0...1] })
                // By the server's clock and ours in turn: as exact as they are told.
                func ends(_ rows: [[String?]]) -> [Double] {
                    rows.compactMap { $0[2] }.map { Double($0.split(separator: ":").last ?? "") ?? 0 }
                }
                let far = zip(ends(before), ends(after)).filter { abs($0 - $1) > 0.5 && abs($0 - $1) < 59.5 }
                #expect(ends(before).count == ends(after).count && far.isEmpty)
                let piped = try await run(server, kv, "export")
                #expect(piped.output.split(separator: "\n").map(String.init) == (try lines("all.jsonl")))
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func anExportGoesOnBehindItsLastWholeLine(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await fill(kv)
            try await run(server, kv, "export", "many", "--output", path("a"))
            let whole = try lines("a")
            #expect(whole.count == 3000)
            // As if it had been killed within a line, within the first, and before any.
            for size in [100_000, 10, 0] {
                try FileHandle(forWritingTo: folder.appending(path: "a")).truncate(atOffset: UInt64(size))
                try await run(server, kv, "export", "many", "--output", path("a"), "--resume")
                #expect(try lines("a") == whole)
            }
            try await run(server, kv, "export", "--output", path("a"), exitCode: 2)
            try Data("something else\n".utf8).write(to: folder.appending(path: "b"))
            try await run(server, kv, "export", "--output", path("b"), "--resume", exitCode: 2)
            #expect(try lines("b") == ["something else"])
        }
    }

    /// A line that is no entry: batches before it are stored, its own is not, and the checkpoint says so.
    @Test(arguments: try await TestServer.all)
    func aBadLineStopsTheImportAtItsBatch(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            var text = (0..<700).map { "{\"key\":[\"\($0)\"],\"value\":\($0)}" }
            text[600] = "{\"key\":[\"hunter2\"],\"value\":"
            try Data(text.joined(separator: "\n").utf8).write(to: folder.appending(path: "in"))
            let failed = try await run(
                server, kv, "import", "--input", path("in"), "--checkpoint", path("c"), exitCode: 2)
            #expect(failed.errors.contains("line 601 is no entry: it isn't a JSON object"))
            #expect(!failed.errors.contains("hunter2"))
            // Batches of 128: four are whole before it.
            #expect(try await kv.count() == 512)
            #expect(try lines("c") == ["512"])
            // Mended, it goes on there: what stands before is not read again.
            text[600] = "{\"key\":[\"600\"],\"value\":600}"
            text[0] = "no entry"
            try Data(text.joined(separator: "\n").utf8).write(to: folder.appending(path: "in"))
            let mended = try await run(
                server, kv, "import", "--input", path("in"), "--checkpoint", path("c"), "--json")
            #expect(mended.output.contains("\"entries\":188"))
            #expect(try await kv.count() == 700)
            #expect(!FileManager.default.fileExists(atPath: path("c")))
        }
    }

    /// One value that the server can't keep: none of its batch is stored.
    @Test(arguments: try await TestServer.all)
    func aBatchIsStoredWholeOrNotAtAll(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
            let text = (0..<100).map { "{\"key\":[\"\($0)\"],\"value\":\($0 == 99 ? deep : "1")}" }
            let failed = try await run(server, kv, "import", input: text.joined(separator: "\n"), exitCode: 3)
            #expect(failed.errors.contains("unsupportedValue"))
            #expect(try await kv.count() == 0)
        }
    }

    @Test(arguments: try await TestServer.all)
    func endsAreReadInBothForms(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let now = Date().timeIntervalSince1970
            let text = """
                {"key":["for ever"],"value":1}
                {"key":["none"],"value":1,"expires":null}
                {"key":["left"],"value":1,"ttl":1000.5}
                {"key":["until"],"value":1,"expires":\(Int(now) + 2000).25}
                {"key":["gone"],"value":1,"expires":\(Int(now) - 1000)}
                {"key":["gone too"],"value":1,"ttl":0}
                {"key":["left"],"value":2,"ttl":500}
                """
            let answer = try await run(server, kv, "import", input: text)
            #expect(answer.output == "5 entries imported, 2 had ended\n")
            func left(_ key: String) async throws -> Double? {
                try await kv.getWithExpiry([key])?.ttl.map { $0 / .seconds(1) }
            }
            #expect(try await left("for ever") == nil)
            #expect(try await kv.count() == 4)
            #expect(try #require(try await left("left")) <= 500)
            #expect(try await kv.get(["left"], as: Int.self) == 2)
            #expect(abs(try #require(try await left("until")) - 2000) < 60)
            for bad in [
                "[]", "{\"key\":[],\"value\":1}", "{\"key\":[\"a\"]}", "{\"key\":[\"a\"],\"value\":1,\"ttl\":\"1\"}",
                "{\"key\":[\"a\"],\"value\":1,\"x\":1}", "",
            ] {
                let failed = try await run(server, kv, "import", input: bad + "\n", exitCode: 2)
                #expect(failed.errors.contains("line 1 is no entry"))
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aCopyHasTheSameEntries(_ server: TestServer) async throws {
        let other = try #require(try await TestServer.all.last)
        try await server.withStore { kv, _ in
            try await other.withStore { copy, _ in
                try await fill(kv)
                try await run(server, kv, "copy", "many", "--to", other.url, "--to-table", copy.options.tableName)
                #expect(try await copy.count() == 3000)
                #expect(try await copy.get(["many", "7"]) == kv.get(["many", "7"]))
                let (left, there) = (
                    try await kv.getWithExpiry(["many", "7"])?.ttl, try await copy.getWithExpiry(["many", "7"])?.ttl
                )
                #expect(abs((try #require(left) - (try #require(there))) / .seconds(1)) < 60)
                try await run(server, kv, "copy", exitCode: 2)
            }
        }
    }
}
