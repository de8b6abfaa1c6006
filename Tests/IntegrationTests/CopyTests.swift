import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv copy`.
@Suite struct CopyTests: TransferSuite {
    let folder: URL

    init() throws {
        folder = try Self.newFolder()
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
