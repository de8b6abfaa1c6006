import FedifyMQ
import MySQLClient
import Testing

@testable import FedifyMySQL

/// How the servers carry the queue's statements out: by the index that is meant, in its order, and without reading what
/// waits behind.
@Suite struct QueuePlanTests {
    /// A statement, and what it may cost.
    private struct Case {
        let name: String
        let sql: String
        let parameters: [MySQLParameter]
        /// The index; "": the primary key.
        var index = ""
        /// The index of its subquery.
        var subqueryIndex: String?
        /// How many rows it may read; nil: all of the index.
        let reads: Int?
    }

    /// The row of EXPLAIN for a table of a statement.
    private struct Step {
        let table: String
        let type: String
        let key: String
        let extra: String

        init(_ row: [String?], isMariaDB: Bool) {
            table = row[2] ?? ""
            type = row[isMariaDB ? 3 : 4] ?? ""
            key = row[isMariaDB ? 5 : 6] ?? ""
            extra = row.last.flatMap(\.self) ?? ""
        }
    }

    private func cases(_ statements: QueueStatements, _ rows: [(id: String, time: String)], key: String) -> [Case] {
        let start = MySQLParameter.text(QueueTransaction.start)
        let (due, byKey) = ("deliver_after", "ok_da")
        let (id, token) = (MySQLParameter.text(rows[0].id), MySQLParameter.text(rows[0].time))
        let error = MySQLParameter.text("error")
        var cases = [
            Case(name: "next due", sql: statements.nextDue, parameters: [], index: due, reads: 2),
            Case(name: "depth", sql: statements.depth, parameters: [], index: due, reads: nil),
            Case(name: "oldest", sql: statements.oldestReady, parameters: [], index: due, reads: 2),
            Case(
                name: "oldest keys", sql: statements.oldestKeys, parameters: [.integer(1000)], index: due, reads: 4100),
        ]
        for limit in [1, 64, 256] {
            let limited = MySQLParameter.integer(Int64(limit))
            for from in [start, token] {
                cases.append(
                    Case(
                        name: "claim \(limit)", sql: statements.claim(counted: true),
                        parameters: [.integer(30_000_000), from, limited], index: byKey, reads: limit + 3))
            }
            for from in ["", key + QueueStatements.afterKey] {
                cases.append(
                    Case(
                        name: "keys \(limit)", sql: statements.keys, parameters: [.text(from), limited], index: byKey,
                        reads: limit + 3))
            }
            cases.append(
                Case(
                    name: "messages \(limit)", sql: statements.messages(counted: true),
                    parameters: [.text(key), .integer(Int64(key.utf8.count)), limited],
                    index: byKey, reads: limit + 3))
        }
        for size in [1, 2, 8, 64, 256] {
            let ids = (0..<size).map { MySQLParameter.text(rows[$0 % rows.count].id) }
            cases += [
                ("lease", statements.lease(rows: size, counted: true), [token] + ids),
                ("renew", statements.renew(rows: size), [token] + ids + [token]),
                ("tokens", statements.tokens(rows: size), ids),
                ("delete", statements.delete(rows: size), ids + [token]),
                ("delete keyed", statements.deleteKeyed(rows: size), ids),
                ("release", statements.release(rows: size, counted: true), ids + [token]),
                ("without lease", statements.withoutLease(rows: size, counted: true), [.integer(1000), token] + ids),
            ].map { Case(name: "\($0) \(size)", sql: $1, parameters: $2, reads: 2 * size + 3) }
            cases.append(
                Case(
                    name: "inserted \(size)", sql: statements.inserted(rows: size),
                    parameters: [.integer(350_000)] + ids, subqueryIndex: byKey, reads: 2 * size + 5))
        }
        cases += [
            ("retry", statements.retry(counted: true), [.integer(1000), error, id, token]),
            ("count", statements.count, [error, id]),
            ("retry keyed", statements.retryKeyed(counted: true), [.integer(1000), error, id]),
            ("bury", statements.bury, [.integer(1), error, id, token]),
            ("delete buried", statements.deleteBuried, [id, token]),
        ].map { Case(name: $0, sql: $1, parameters: $2, reads: 6) }
        return cases
    }

    @Test(arguments: try await TestServer.all, [10, 60, 2000, 100_000])
    func everyStatementUsesItsIndex(_ server: TestServer, _ rows: Int) async throws {
        for readyShare in [0.95, 0.05] {
            try await QueueScene.with(server, queues: 0, workers: 0) { scene in
                try await server.fill(scene.table, rows: rows, readyShare: readyShare)
                let statements = QueueStatements(scene.options)
                let ids = try await server.sql("SELECT id, deliver_after FROM \(statements.table) LIMIT 256")
                let pool = try server.pool(1)
                try await pool.withConnection(deadline: .now + .seconds(300)) { connection in
                    for item in cases(statements, ids.map { ($0[0] ?? "", $0[1] ?? "") }, key: "k3") {
                        try await check(item, server, scene.table, rows: rows, on: connection)
                    }
                }
                await pool.close()
            }
        }
    }

    private func check(
        _ item: Case, _ server: TestServer, _ table: String, rows: Int, on connection: MySQLConnection
    ) async throws {
        // MySQL may be set up to show trees.
        let format = server.isMariaDB ? "" : "FORMAT=TRADITIONAL "
        let plan = try await connection.rows("EXPLAIN \(format)\(item.sql)", item.parameters, maximumRows: 10).rows.map
        {
            row in (0..<row.count).map { row.text($0) ?? row.integer($0).map(String.init) }
        }
        func name(_ index: String) -> String { index.isEmpty ? "PRIMARY" : "idx_\(table)_\(index)" }
        let indexes = [item.index, item.subqueryIndex ?? item.index].map(name)
        // Not those of temporary results.
        for step in plan.map({ Step($0, isMariaDB: server.isMariaDB) }) where step.table == table {
            #expect(indexes.contains(step.key), "\(item.name) of \(rows): \(plan)")
            let isScan = item.name == "depth" || item.name == "next due"
            #expect(
                isScan || ["const", "eq_ref", "ref", "range"].contains(step.type), "\(item.name) of \(rows): \(plan)")
            for word in ["filesort", "MRR"] {
                #expect(!step.extra.contains(word), "\(item.name) of \(rows): \(plan)")
            }
        }
        guard let most = item.reads else { return }
        try await connection.command("START TRANSACTION", .read)
        let nothing = try await reads(on: connection)
        let before = try await reads(on: connection)
        let isQuery = item.sql.hasPrefix("SELECT")
        _ = try await connection.rows(
            item.sql, item.parameters, isQuery ? .read : .write, maximumRows: isQuery ? 1000 : 0)
        let after = try await reads(on: connection)
        try await connection.command("ROLLBACK", .read)
        let count = after - before - (before - nothing)
        #expect(count <= most, "\(item.name) of \(rows): \(count) rows read")
    }

    /// How many rows the session has read so far.
    private func reads(on connection: MySQLConnection) async throws -> Int {
        try await connection.unpreparedRows("SHOW SESSION STATUS LIKE 'Handler_read%'", maximumRows: 20)
            .compactMap { row in row.text(0) == "Handler_read_retry" ? nil : row.text(1).flatMap { Int($0) } }
            .reduce(0, +)
    }
}

extension TestServer {
    /// Fills a queue's table: half without a key, the others of a tenth as many keys.
    fileprivate func fill(_ table: String, rows: Int, readyShare: Double) async throws {
        let columns = "INSERT INTO `\(table)` (id, message, deliver_after, ordering_key)"
        let values =
            "UUID(), '{\"type\":\"inbox\"}', "
            + "NOW(6) + INTERVAL FLOOR(IF(RAND() < \(readyShare), -RAND(), RAND()) * 3600000000) MICROSECOND, "
            + "IF(RAND() < 0.5, NULL, CONCAT('k', FLOOR(RAND() * \(max(rows / 10, 4)))))"
        var count = 10
        for _ in 0..<count { try await sql("\(columns) VALUES (\(values))") }
        while count < rows {
            let more = min(count, rows - count)
            try await sql("\(columns) SELECT \(values) FROM `\(table)` LIMIT \(more)")
            count += more
        }
        try await sql("ANALYZE TABLE `\(table)`")
    }
}
