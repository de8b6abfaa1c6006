import FedifyKv
import FedifyMySQL
import Foundation
import Testing

/// Tests of `fedify-kv export`, `import` and `copy`, with a folder for their files.
protocol TransferSuite {
    var folder: URL { get }
}

extension TransferSuite {
    static func newFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fedify-kv-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    func path(_ name: String) -> String { folder.appending(path: name).path() }

    func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Runs the tool on a table.
    @discardableResult
    func run(
        _ server: TestServer, _ kv: MySQLKvStore, _ arguments: String..., input: String = "", exitCode: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> CommandLineTool.Outcome {
        let outcome = try await CommandLineTool.run(
            arguments + ["--table", kv.options.tableName], url: server.url, input: input)
        #expect(outcome.exitCode == exitCode, "\(outcome.errors)", sourceLocation: sourceLocation)
        return outcome
    }

    /// Keys and values of all kinds, 3000 of them.
    func fill(_ kv: MySQLKvStore) async throws {
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

    func rows(_ server: TestServer, _ kv: MySQLKvStore) async throws -> [[String?]] {
        try await server.sql(
            "SELECT `key`, `value`, expires FROM \(kv.options.tableName) "
                + "WHERE expires IS NULL OR expires > UTC_TIMESTAMP(6) ORDER BY `key`")
    }
}
