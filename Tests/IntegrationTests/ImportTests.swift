import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv import`.
@Suite struct ImportTests: TransferSuite {
    let folder: URL

    init() throws {
        folder = try Self.newFolder()
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
}
