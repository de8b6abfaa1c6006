import FedifyKv
import Testing

@testable import FedifyMySQL

@Suite struct StatementsTests {
    /// No statement has a quote or a backslash, whose meaning depends on the `sql_mode`, but for the fixed name of the
    /// sweeper's lock; and all name the table in backticks.
    @Test func textsMeanTheSameUnderEverySQLMode() {
        let statements = Statements(MySQLKvStoreOptions())
        let texts = [
            statements.createTable, statements.createIndex, statements.dropTable, statements.get,
            statements.getWithTTL,
            statements.delete(.mysql), statements.delete(.mariadb), statements.set(rows: 3),
            statements.setKeepingExpiry, statements.insert,
            statements.replaceExpired,
            statements.replace(.mysql), statements.replace(.mariadb), statements.remove(.mysql),
            statements.remove(.mariadb),
            statements.get(keys: 3), statements.lock(keys: 3), statements.delete(keys: 3), statements.page,
            statements.keys, statements.count,
            statements.expiredKeys, statements.deleteExpired(keys: 3),
        ]
        for text in texts {
            #expect(text.contains("`fedify_kv`"))
            #expect(!text.contains { "'\"\\".contains($0) }, "\(text)")
        }
    }

    @Test func batchesHaveFewSizes() {
        var sizes: Set<Int> = []
        for count in 1...1000 {
            let (fitting, holding) = (BatchSize.bucket(notAbove: count), BatchSize.bucket(notBelow: count))
            #expect(fitting <= count && 2 * count <= 3 * fitting + 1)
            #expect(holding >= count && holding < 2 * count)
            sizes.formUnion([fitting, holding])
        }
        #expect(sizes.count <= 20)
    }

    @Test func everyKeyBelowAPrefixIsInItsRange() {
        let prefix: KvKey = ["a", "b\""]
        let range = KeyRange(prefix)
        func contains(_ key: KvKey) -> Bool {
            range.after.utf8.lexicographicallyPrecedes(key.serialized.utf8)
                && !range.through.utf8.lexicographicallyPrecedes(key.serialized.utf8)
        }
        for below in ["", "x", "]", ",", "\u{0}", "😀", "\u{10FFFF}"] { #expect(contains(["a", "b\"", below])) }
        #expect(contains(prefix))
        for other: KvKey in [["a"], ["a", "b"], ["a", "b\"c"], ["a", "b\"\""], ["b"]] { #expect(!contains(other)) }
        let all = KeyRange([])
        #expect(all.after.isEmpty && all.through == "\u{10FFFF}")
    }
}
