import FedifyKv
import MySQLClient
import Testing

@testable import FedifyMySQL

/// How the servers carry the store's statements out, on small tables and larger ones: by the primary key, without
/// sorting, and without locks on other rows.
@Suite struct PlanTests {
    /// The row of EXPLAIN for a table of a statement.
    private struct Step {
        let type: String
        let key: String
        let extra: String

        init(_ row: [String?], isMariaDB: Bool) {
            // MySQL has two columns more: partitions, and filtered.
            type = row[isMariaDB ? 3 : 4] ?? ""
            key = row[isMariaDB ? 5 : 6] ?? ""
            extra = row.last.flatMap(\.self) ?? ""
        }
    }

    /// The statements with what is bound to them, by their names.
    private func statements(_ statements: Statements, _ dialect: Dialect, rows: Int) -> [(String, [MySQLParameter])] {
        func key(_ number: Int) -> MySQLParameter { KvKey(["k", "\(number)"]).parameter }
        let value = MySQLParameter.text("null")
        let range: [MySQLParameter] = [.text("[\"k\""), .text("[\"k\"\u{10FFFF}")]
        var found: [(String, [MySQLParameter])] = [
            (statements.get, [key(1)]), (statements.getWithTTL, [key(1)]), (statements.delete(dialect), [key(1)]),
            (statements.replace(dialect), [value, .null, key(1), value]),
            (statements.replaceExpired, [value, .null, key(1)]), (statements.remove(dialect), [key(1), value]),
            (statements.page, range + [.integer(64)]), (statements.pageSizes, range + [.integer(64)]),
            (statements.pageWithExpiry, range + [.integer(64)]),
            (statements.keys, range + [.integer(64)]), (statements.count, range + [.text(".")]),
        ]
        for size in [2, 8, 64, 128] where size <= rows {
            let keys = (0..<size).map(key)
            found += [
                (statements.get(keys: size), keys), (statements.lock(keys: size), keys),
                (statements.delete(keys: size), keys), (statements.deleteExpired(keys: size), keys),
            ]
        }
        return found
    }

    @Test(arguments: try await TestServer.all, [10, 60, 2000, 200_000])
    func everyStatementUsesThePrimaryKey(_ server: TestServer, _ rows: Int) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(
                entries: (0..<rows).map { KvEntry(key: ["k", "\($0)"], value: .null) }, ttl: .seconds(1000))
            try await server.sql("ANALYZE TABLE \(kv.statements.table)")
            let dialect: Dialect = server.isMariaDB ? .mariadb : .mysql
            // MySQL may be set up to show trees.
            let format = server.isMariaDB ? "" : "FORMAT=TRADITIONAL "
            for (sql, parameters) in statements(kv.statements, dialect, rows: rows) {
                let plan = try await kv.pool.withConnection { connection in
                    try await connection.rows("EXPLAIN \(format)\(sql)", parameters, maximumRows: 10).rows.map { row in
                        (0..<row.count).map { row.text($0) ?? row.integer($0).map(String.init) }
                    }
                }
                for step in plan.map({ Step($0, isMariaDB: server.isMariaDB) }) {
                    #expect(step.key == "PRIMARY", "\(sql): \(plan)")
                    #expect(["const", "eq_ref", "range"].contains(step.type), "\(sql): \(plan)")
                    #expect(!step.extra.contains("filesort") && !step.extra.contains("temporary"), "\(sql): \(plan)")
                }
            }
        }
    }

    /// A row that another transaction has locked doesn't delay requests for other rows.
    @Test(arguments: try await TestServer.all)
    func noOtherRowIsLocked(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(entries: (0..<60).map { KvEntry(key: ["k", "\($0)"], value: .null) })
            let holder = try server.pool(1)
            try await holder.withConnection { connection in
                try await connection.command("START TRANSACTION", .read)
                _ = try await connection.rows(kv.statements.lock(keys: 1), [KvKey(["k", "59"]).parameter])
                try await withThrowingTaskGroup { group in
                    for number in 0..<50 {
                        group.addTask {
                            let key: KvKey = ["k", "\(number)"]
                            #expect(try await kv.cas(key, expected: .null, new: JSONValue(uncheckedJSON: "2")))
                            try await kv.delete(key)
                        }
                    }
                    try await group.waitForAll()
                }
                try await connection.command("ROLLBACK", .read)
            }
            await holder.close()
            #expect(try await kv.count() == 10)
        }
    }
}
