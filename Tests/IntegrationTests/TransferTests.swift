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
            entries.append(KvEntry(key: ["many", "\(number)"], value: JSONValue(uncheckedJSON: "{\"n\":\(number)}")))
        }
        try await kv.set(entries: entries, ttl: .seconds(100_000))
        try await kv.set(
            ["é\u{1}\"\n", "\u{1F600}"], JSONValue(json: "[1.5,\"\\u0000\\n\",null,{\"a\":18446744073709551615}]"))
        try await kv.set(["null"], JSONValue.null)
        try await kv.set(["gone"], "v", ttl: .zero)
    }

    private func rows(_ server: TestServer, _ kv: MySQLKvStore) async throws -> [[String?]] {
        try await server.sql(
            "SELECT `key`, `value`, expires FROM \(kv.options.tableName) "
                + "WHERE expires IS NULL OR expires > UTC_TIMESTAMP(6) ORDER BY `key`")
    }

    /// The imported entries are the same to the byte and to the microsecond.
    @Test(arguments: try await TestServer.all)
    func whatIsExportedIsImportedUnchanged(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await server.withStore { other, _ in
                try await fill(kv)
                let answer = try await run(server, kv, "export", "--output", path("all.jsonl"), "--json")
                #expect(answer.output.contains("\"entries\":3002"))
                #expect(answer.errors.isEmpty)
                let imported = try await run(server, other, "import", "--input", path("all.jsonl"))
                #expect(imported.output == "3002 entries imported, 0 had expired\n")
                let (before, after) = (try await rows(server, kv), try await rows(server, other))
                #expect(before.map { $0[0...1] } == after.map { $0[0...1] })
                // By the server's clock and the local clock in turn.
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

    private struct Checkpoint: Decodable {
        let lines: Int
        let bytes: Int
    }

    private func checkpoint(_ name: String) throws -> Checkpoint {
        try JSONDecoder().decode(Checkpoint.self, from: Data(contentsOf: folder.appending(path: name)))
    }

    /// A line that is not an entry: batches before it are stored, its own is not, and the checkpoint says so.
    @Test(arguments: try await TestServer.all)
    func aBadLineStopsTheImportAtItsBatch(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            var text = (0..<2500).map { "{\"key\":[\"\($0)\"],\"value\":\($0)}" }
            let before = text[..<2200].map { $0.utf8.count + 1 }.reduce(0, +)
            text[2200] = "{\"key\":[\"hunter2\"],\"value\":"
            try Data(text.joined(separator: "\n").utf8).write(to: folder.appending(path: "in"))
            let failed = try await run(
                server, kv, "import", "--input", path("in"), "--checkpoint", path("c"), exitCode: 2)
            #expect(failed.errors.contains("line 2201, from byte \(before) on, is not an entry"))
            #expect(failed.errors.contains("is not an entry: it isn't a JSON object"))
            #expect(failed.errors.contains("the 2000 lines before its batch are stored"))
            #expect(!failed.errors.contains("hunter2"))
            #expect(try await kv.count() == 2000)
            #expect(try checkpoint("c").lines == 2000)
            // Only the owner may read a file that may contain keys.
            let permissions = try FileManager.default.attributesOfItem(atPath: path("c"))[.posixPermissions]
            #expect(permissions as? Int == 0o600)
            // Mended, it goes on there: what stands before is not stored again.
            text[2200] = "{\"key\":[\"2200\"],\"value\":2200}"
            text[0] = String(repeating: "x", count: text[0].utf8.count)
            try Data(text.joined(separator: "\n").utf8).write(to: folder.appending(path: "in"))
            // Of another table, and of another file.
            try await server.withStore { other, _ in
                let refused = try await run(
                    server, other, "import", "--input", path("in"), "--checkpoint", path("c"), exitCode: 2)
                #expect(refused.errors.contains("a different job"))
            }
            try Data(("x" + text.joined(separator: "\n")).utf8).write(to: folder.appending(path: "other"))
            let differs = try await run(
                server, kv, "import", "--input", path("other"), "--checkpoint", path("c"), exitCode: 2)
            #expect(differs.errors.contains("its lines differ"))
            let mended = try await run(
                server, kv, "import", "--input", path("in"), "--checkpoint", path("c"), "--json")
            #expect(mended.output.contains("\"entries\":500"))
            #expect(try await kv.count() == 2500)
            #expect(!FileManager.default.fileExists(atPath: path("c")))
        }
    }

    /// Ended by force, it continues after the stored lines, and nothing is missing.
    @Test(arguments: try await TestServer.all)
    func anImportThatWasKilledGoesOn(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let text = (0..<3500).map { "{\"key\":[\"\($0)\"],\"value\":\($0)}\n" }
            let arguments = ["import", "--checkpoint", path("c"), "--table", kv.options.tableName]
            let (process, input) = (CommandLineTool.make(arguments, url: server.url), Foundation.Pipe())
            process.standardInput = input
            try process.run()
            // The third batch waits for its last lines.
            try input.fileHandleForWriting.write(contentsOf: Data(text[..<2900].joined().utf8))
            try await eventually { (try? checkpoint("c").lines) == 2000 }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let resumed = try await run(
                server, kv, "import", "--checkpoint", path("c"), "--json", input: text.joined())
            #expect(resumed.output.contains("\"entries\":1500"))
            #expect(try await kv.count() == 3500)
        }
    }

    /// Lines with nothing in them are passed over, at the end and elsewhere.
    @Test(arguments: try await TestServer.all)
    func emptyLinesAreNoEntries(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let line = "{\"key\":[\"a\"],\"value\":1}"
            let answer = try await run(server, kv, "import", input: "\n\(line)\n \t\r\n\n\(line)\n\n")
            #expect(answer.output == "2 entries imported, 0 had expired\n")
            #expect(try await kv.count() == 1)
        }
    }

    /// One value that the server can't keep: none of its batch is stored.
    @Test(arguments: try await TestServer.all)
    func aBatchIsStoredWholeOrNotAtAll(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
            let text = (0..<1500).map { "{\"key\":[\"\($0)\"],\"value\":\($0 == 1400 ? deep : "1")}" }
            let failed = try await run(server, kv, "import", input: text.joined(separator: "\n"), exitCode: 2)
            #expect(failed.errors.contains("unsupportedValue: lines 1001 to 1500: "))
            #expect(try await kv.count() == 1000)
            #expect(try await kv.get(["1399"]) == nil)
        }
    }

    /// A refusal of the server is reported immediately, even while there is more input.
    @Test(arguments: try await TestServer.all)
    func anErrorDoesNotWaitForMoreInput(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
            let text = (0..<1000).map { "{\"key\":[\"\($0)\"],\"value\":\($0 == 999 ? deep : "1")}\n" }
            let process = CommandLineTool.make(["import", "--table", kv.options.tableName], url: server.url)
            let input = Foundation.Pipe()
            process.standardInput = input
            process.standardError = FileHandle.nullDevice
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data(text.joined().utf8))
            try await eventually { !process.isRunning }
            #expect(process.terminationStatus == 2)
            try input.fileHandleForWriting.close()
        }
    }

    /// Values that fit one by one and not together.
    @Test(arguments: try await TestServer.all)
    func aBatchMayBeLargerThanAPacket(_ server: TestServer) async throws {
        try await server.withStore { kv, pool in
            let limit = try await pool.withConnection { $0.server.maximumPacketSize }
            let value = { (bytes: Int) in "\"" + String(repeating: "x", count: bytes) + "\"" }
            let text = [(1, 900_000), (2, limit - 2000)].map { "{\"key\":[\"\($0)\"],\"value\":\(value($1))}" }
            let answer = try await run(server, kv, "import", input: text.joined(separator: "\n"))
            #expect(answer.output == "2 entries imported, 0 had expired\n")
            #expect(try await kv.get(["2"])?.json.utf8.count == limit - 1998)
        }
    }

    @Test func aFileThatCantBeReadIsAnError() async throws {
        let server = try #require(try await TestServer.all.first)
        try await server.withStore { kv, _ in
            let failed = try await run(server, kv, "import", "--input", folder.path(), exitCode: 3)
            #expect(failed.errors.contains("can't be read"))
            try await run(server, kv, "import", "--input", path("nowhere"), exitCode: 2)
            // No folder for the checkpoint: known by the first batch.
            let unwritten = try await run(
                server, kv, "import", "--checkpoint", path("no/where"), input: "{\"key\":[\"a\"],\"value\":1}",
                exitCode: 3)
            #expect(unwritten.errors.contains("the checkpoint"))
        }
    }

    /// On a terminal, how far it has come, with rate and time left; in a pipe not a byte.
    @Test(arguments: try await TestServer.all)
    func aTerminalSeesProgress(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await fill(kv)
            let table = ["--table", kv.options.tableName]
            let silent = try await run(server, kv, "export", "--output", path("silent"))
            #expect(silent.errors.isEmpty && silent.output == "3002 entries exported\n")
            for command in [["export", "--output", path("shown")], ["import", "--input", path("silent")]] {
                let shown = try await CommandLineTool.runOnTerminal(command + table, url: server.url)
                let bar = try #require(shown.split(separator: "\r").first { $0.contains("left") }, "\(shown)")
                #expect(bar.contains(/[█░]{30} \d+ %  \d+ entries, \d+\/s  \d+:\d\d left/), "\(bar)")
                #expect(shown.contains("\r\u{1B}[K3002 entries"))
            }
            let stats = try await CommandLineTool.runOnTerminal(
                ["stats"] + table, url: server.url, environment: ["NO_COLOR": ""])
            #expect(stats.contains("\u{1B}[32m█"))
            let plain = try await CommandLineTool.runOnTerminal(
                ["stats"] + table, url: server.url, environment: ["NO_COLOR": "1"])
            #expect(plain.contains("█") && !plain.contains("\u{1B}[32m"))
        }
    }

    /// The count for the bar is refused, or takes too long: no bar is shown, and the work is done.
    @Test(arguments: try await TestServer.all)
    func withoutACountTheWorkIsDone(_ server: TestServer) async throws {
        let proxy = try Proxy(to: server.ports[0])
        let url = server.url("tls=off&allow-public-key-retrieval=true")
            .replacing(":\(server.ports[0])/", with: ":\(proxy.port)/")
        try await server.withStore { kv, _ in
            try await fill(kv)
            for (number, count) in ["SELECT no_such_column, ?, ?, ?", "SELECT SLEEP(60), ?, ?, ?"].enumerated() {
                proxy.rewrite { command in
                    let isCount = String(decoding: command.dropFirst(), as: UTF8.self).hasPrefix("SELECT COUNT(*)")
                    return isCount ? .statement(count) : .asItIs
                }
                let table = kv.options.tableName
                for command in [
                    ["export", "--output", path("\(number)")],
                    ["copy", "--to", server.url, "--to-table", table + "_copy"],
                ] {
                    let shown = try await CommandLineTool.runOnTerminal(command + ["--table", table], url: url)
                    #expect(shown.contains("\r\u{1B}[K3002 entries"), "\(shown)")
                    #expect(shown.contains("/s") && !shown.contains("left"), "\(shown)")
                }
                #expect(try lines("\(number)").count == 3002)
                try await server.sql("DROP TABLE \(table)_copy")
            }
        }
        proxy.down()
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
            #expect(answer.output == "5 entries imported, 2 had expired\n")
            func left(_ key: String) async throws -> Double? {
                try await kv.getWithTTL([key])?.ttl.map { $0 / .seconds(1) }
            }
            #expect(try await left("for ever") == nil)
            #expect(try await kv.count() == 4)
            #expect(try #require(try await left("left")) <= 500)
            #expect(try await kv.get(["left"], as: Int.self) == 2)
            #expect(abs(try #require(try await left("until")) - 2000) < 60)
            for bad in [
                "[]", "{\"key\":[],\"value\":1}", "{\"key\":[\"a\"]}", "{\"key\":[\"a\"],\"value\":1,\"ttl\":\"1\"}",
                "{\"key\":[\"a\"],\"value\":1,\"x\":1}", "\"\"",
            ] {
                let failed = try await run(server, kv, "import", input: bad + "\n", exitCode: 2)
                #expect(failed.errors.contains("line 1, from byte 0 on, is not an entry"))
                #expect(failed.errors.contains("; nothing is stored"))
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
                    try await kv.getWithTTL(["many", "7"])?.ttl, try await copy.getWithTTL(["many", "7"])?.ttl
                )
                #expect(abs((try #require(left) - (try #require(there))) / .seconds(1)) < 60)
                try await run(server, kv, "copy", exitCode: 2)
            }
        }
    }

    /// By whatever name: entries would be overwritten with what they were a moment ago.
    @Test(arguments: try await TestServer.all)
    func aTableIsNotCopiedOntoItself(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(["a"], "v")
            for url in [server.url, server.url.replacing("@127.0.0.1:", with: "@localhost:")] {
                let refused = try await run(server, kv, "copy", "--to", url, exitCode: 2)
                #expect(refused.errors.contains("onto itself"))
            }
            try await server.withStore { other, _ in
                try await run(server, kv, "copy", "--to", server.url, "--to-table", other.options.tableName)
                #expect(try await other.count() == 1)
            }
        }
    }

    /// The server that is copied to refuses a row: rows after it are copied later, rows before it not again.
    @Test(arguments: try await TestServer.all)
    func aCopyGoesOnWhereItWas(_ server: TestServer) async throws {
        let other = try #require(try await TestServer.all.last)
        try await server.withStore { kv, _ in
            try await other.withStore { copy, _ in
                try await fill(kv)
                try await server.sql("INSERT INTO \(kv.options.tableName) (`key`, `value`) VALUES ('[ \"a\"]', '1')")
                try await copy.createTable()
                let alter = "ALTER TABLE \(copy.options.tableName)"
                try await other.sql(alter + " ADD CONSTRAINT refused CHECK (`key` <> '[\"many\",\"998\"]')")
                let arguments = [
                    "copy", "--to", other.url, "--to-table", copy.options.tableName, "--checkpoint", path("c"),
                    "--table", kv.options.tableName, "--json",
                ]
                let failed = try await CommandLineTool.run(arguments, url: server.url)
                #expect(failed.exitCode == 3)
                // In pages, as they are listed: some of them, and whole ones.
                let done = try await copy.count()
                #expect(done > 0 && done < 3000)
                try await other.sql(alter + " DROP CONSTRAINT refused")
                try await copy.delete(["many", "0"])
                let resumed = try await CommandLineTool.run(arguments, url: server.url)
                #expect(resumed.output.contains("\"entries\":\(3002 - done),"), "\(resumed.output)")
                #expect(resumed.output.contains("\"skipped\":0}"))
                #expect(try await copy.count() == 3001)
                #expect(!FileManager.default.fileExists(atPath: path("c")))
                let whole = try await CommandLineTool.run(arguments, url: server.url)
                #expect(whole.output.contains("\"entries\":3002,") && whole.output.contains("\"skipped\":1}"))
            }
        }
    }
}
