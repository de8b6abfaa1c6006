import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv export`, and what is shown on the way.
@Suite struct ExportTests: TransferSuite {
    let folder: URL

    init() throws {
        folder = try Self.newFolder()
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
}
