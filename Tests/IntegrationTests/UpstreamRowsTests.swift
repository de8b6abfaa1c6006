import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Rows that the TypeScript store wrote, read by ours; and what ours writes, byte for byte the same keys.
@Suite struct UpstreamRowsTests {
    /// A line of `Fixtures/upstream-rows.jsonl`, its members as JSON texts: Swift's strings could not hold them all.
    struct Row: Sendable {
        let members: [String: String]

        var label: String { string("label") ?? "" }
        func string(_ name: String) -> String? {
            members[name].flatMap { try? JSONDocument($0).string() }
        }
        /// The bytes of the key column.
        var key: String { Self.text(hex: string("key_hex") ?? "") }
        /// The bytes of the value column, if the row could be stored.
        var value: String? { string("value_sql_hex").map(Self.text(hex:)) }

        private static func text(hex: String) -> String {
            let digits = Array(hex)
            let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    static func rows() throws -> [Row] {
        let url = try #require(
            Bundle.module.url(forResource: "upstream-rows", withExtension: "jsonl", subdirectory: "Fixtures"))
        let lines = String(decoding: try Data(contentsOf: url), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 73)
        return try lines.map { Row(members: try #require(try JSONDocument(String($0)).members())) }
    }

    @Test(arguments: try await TestServer.all)
    func readsWhatTheTypeScriptStoreWrote(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            for row in try Self.rows() {
                guard let value = row.value else { continue }
                let hasTTL = row.members["ttl_seconds"] != "null"
                try await server.sql(
                    "INSERT INTO `\(kv.options.tableName)` VALUES (?, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)",
                    .text(row.key), .text(value), hasTTL ? .integer(86400) : .null)
                let expected = JSONValue(uncheckedJSON: try #require(row.string("get_json")))
                guard let key = KvKey(serialized: row.key) else {
                    // A lone surrogate, which Swift's strings can't hold: `list` skips the row.
                    #expect(row.key.contains("\\ud"), "\(row.label)")
                    continue
                }
                #expect(try await kv.get(key) == expected, "\(row.label)")
                #expect((try await kv.getWithTTL(key)?.ttl != nil) == hasTTL, "\(row.label)")
            }
            var listed: Set<KvKey> = []
            for try await entry in kv.list() { #expect(listed.insert(entry.key).inserted) }
            let readable = try Self.rows().filter { $0.value != nil }.compactMap { KvKey(serialized: $0.key) }
            #expect(listed == Set(readable))
            #expect(try await kv.count() == listed.count)
        }
    }

    @Test(arguments: try await TestServer.all)
    func writesTheSameBytesOfKeys(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            for row in try Self.rows() {
                guard row.value != nil, let key = KvKey(serialized: row.key) else { continue }
                let value = try JSONValue(json: try #require(row.string("value_json")))
                try await kv.set(key, value)
                let stored = try await server.sql(
                    "SELECT HEX(`key`), `expires` IS NULL FROM `\(kv.options.tableName)` WHERE `key` = ?",
                    .text(row.key))
                #expect(stored.count == 1, "\(row.label)")
                #expect(stored.first?[0]?.lowercased() == row.string("key_hex"), "\(row.label)")
                #expect(stored.first?[1] == "1")
                #expect(try await kv.get(key) == value, "\(row.label)")
            }
        }
    }
}
