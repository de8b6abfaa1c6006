import CommandLineSupport
import FedifyMySQL
import MySQLClient

/// The queue's tables, and this account's rights on them.
extension Examination {
    private var deadName: String { table + "_dead" }

    private func engine(_ table: String) async throws(MySQLError) -> String? {
        let found = try await rows(
            "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '\(table)'")
        return found.first.map { $0[0] ?? "" }
    }

    /// The definition that a column should have.
    private struct Column {
        let name: String
        let type: String
        let isNullable: Bool
        var collation = ""

        var nullable: String { isNullable ? "YES" : "NO" }
    }

    private var expectedColumns: [Column] {
        [
            Column(name: "id", type: "char(36)", isNullable: false, collation: "utf8mb4_bin"), message,
            Column(name: "deliver_after", type: "datetime(6)", isNullable: false),
            Column(name: "ordering_key", type: "text", isNullable: true, collation: "utf8mb4_bin"),
        ]
    }

    private var message: Column {
        isMariaDB
            ? Column(name: "message", type: "longtext", isNullable: false, collation: "utf8mb4_bin")
            : Column(name: "message", type: "json", isNullable: false)
    }

    private static let counting = ["attempts", "last_error"]

    /// A table's columns: name, type, nullability, collation, key, whether an insert can leave it out.
    private func columns(_ table: String) async throws(MySQLError) -> [[String?]] {
        try await rows(
            """
            SELECT LOWER(column_name), LOWER(column_type), is_nullable, COALESCE(collation_name, ''), column_key, \
            is_nullable = 'YES' OR column_default IS NOT NULL OR extra LIKE '%GENERATED%' OR extra = 'auto_increment' \
            FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '\(table)' \
            ORDER BY ordinal_position
            """)
    }

    private func wrong(_ expected: [Column], in columns: [[String?]]) -> [String] {
        var wrong: [String] = []
        for column in expected {
            guard let found = columns.first(where: { $0[0] == column.name }) else {
                wrong.append("no column \(column.name)")
                continue
            }
            for (part, name, value) in [
                (1, "type", column.type), (2, "nullability", column.nullable), (3, "collation", column.collation),
            ] where found[part] != value && !value.isEmpty {
                wrong.append("\(column.name) has the \(name) \(found[part]?.escaped(limit: 64) ?? ""), not \(value)")
            }
        }
        if columns.first(where: { $0[0] == "id" })?[4] != "PRI" { wrong.append("id isn't the primary key") }
        return wrong
    }

    func queueTable() async throws -> Finding {
        guard let engine = try await engine(table) else {
            return Finding(
                .warn, "\(table) doesn't exist",
                advice: "The first operation creates it, which requires CREATE; or run fedify-mq init.")
        }
        let columns = try await columns(table)
        var wrong = wrong(expectedColumns, in: columns)
        if engine.lowercased() != "innodb" { wrong.append("the engine isn't InnoDB") }
        let known = expectedColumns.map(\.name) + Self.counting
        let others = columns.filter { column in !known.contains { $0 == column[0] } }
        let required = others.filter { $0[5] != "1" }.map { ($0[0] ?? "").escaped(limit: 64) }
        if !required.isEmpty {
            wrong.append("columns that an insert would have to name: \(required.joined(separator: ", "))")
        }
        if !wrong.isEmpty {
            return Finding(
                .bad, wrong.joined(separator: "; "), advice: "Messages may be lost, or not be enqueued: drop, init.")
        }
        let names = others.map { ($0[0] ?? "").escaped(limit: 64) }
        let extra = names.isEmpty ? "" : ", with more columns: \(names.joined(separator: ", "))"
        let missing = Self.counting.filter { name in !columns.contains { $0[0] == name } }
        guard missing.isEmpty else {
            return Finding(
                .warn,
                "\(table), as Fedify's TypeScript queue creates it: without \(missing.joined(separator: ", "))"
                    + extra,
                advice: "Each process counts attempts for itself, so a message may get more than the maximum: run "
                    + "fedify-mq init --upgrade, which the TypeScript queue never notices.")
        }
        return Finding(.good, "\(table), which counts attempts" + extra)
    }

    /// The statements name both indexes: without one they fail.
    func queueIndexes(_ statements: QueueStatements) async throws -> Finding? {
        guard try await engine(table) != nil else { return nil }
        let found = try await rows(
            """
            SELECT LOWER(index_name), LOWER(column_name), COALESCE(sub_part, 0) FROM information_schema.statistics \
            WHERE table_schema = DATABASE() AND table_name = '\(table)' ORDER BY index_name, seq_in_index
            """)
        var indexes: [String: [String]] = [:]
        for row in found {
            let part = row[2].flatMap { $0 == "0" ? nil : "(\($0))" } ?? ""
            indexes[row[0] ?? "", default: []].append((row[1] ?? "?") + part)
        }
        var wrong: [String] = []
        for (name, columns) in [
            (statements.dueIndex, ["deliver_after"]), (statements.keyIndex, ["ordering_key(766)", "deliver_after"]),
        ] {
            let text = columns.joined(separator: ", ")
            switch indexes[name.lowercased()] {
            case nil: wrong.append("no index \(name) on (\(text))")
            case columns?: break
            case let others?:
                wrong.append("\(name) is on (\(others.joined(separator: ", ").escaped())), not on (\(text))")
            }
        }
        return Finding(
            wrong.isEmpty ? .good : .bad,
            wrong.isEmpty ? "on deliver_after, and on ordering_key with deliver_after" : wrong.joined(separator: "; "),
            advice: wrong.isEmpty ? nil : "The queue's statements name these indexes: create them as they should be.")
    }

    func deadTable() async throws -> Finding? {
        guard let engine = try await engine(deadName) else {
            guard try await self.engine(table) != nil else { return nil }
            return Finding(
                .good, "\(deadName) doesn't exist: no message has died",
                advice: "The first one to die creates it, which requires CREATE; or run fedify-mq init.")
        }
        var wrong = wrong(
            expectedColumns.filter { $0.name != "deliver_after" } + [
                Column(name: "attempts", type: "", isNullable: false),
                Column(name: "last_error", type: "", isNullable: true),
                Column(name: "died_at", type: "datetime(6)", isNullable: false),
            ], in: try await columns(deadName))
        if engine.lowercased() != "innodb" { wrong.append("the engine isn't InnoDB") }
        return Finding(
            wrong.isEmpty ? .good : .bad, wrong.isEmpty ? deadName : wrong.joined(separator: "; "),
            advice: wrong.isEmpty ? nil : "Dead messages can't be moved there: rename it, and run fedify-mq init.")
    }

    /// This account's rights, by EXPLAIN: nothing is executed.
    func queueRights() async throws -> Finding? {
        var (missing, unknown): ([String], [String]) = ([], [])
        var examined: [String] = []
        for name in [table, deadName] where try await engine(name) != nil {
            examined.append(name)
            let statements = [
                ("SELECT", "EXPLAIN SELECT `message` FROM `\(name)` WHERE `id` = ''"),
                ("INSERT", "EXPLAIN INSERT INTO `\(name)` (`id`) VALUES ('')"),
                ("UPDATE", "EXPLAIN UPDATE `\(name)` SET `ordering_key` = NULL WHERE `id` = ''"),
                ("DELETE", "EXPLAIN DELETE FROM `\(name)` WHERE `id` = ''"),
            ]
            for (right, sql) in statements {
                do throws(MySQLError) {
                    _ = try await rows(sql)
                } catch {
                    switch error.serverCode {
                    // Denied for a command on a table, or on a column.
                    case 1142, 1143: missing.append("\(right) on \(name)")
                    // Not all columns are named. The rights are examined before.
                    case 1364: break
                    case _ where error.code == .server: unknown.append("\(right) not examined: \(error.detail)")
                    default: throw error
                    }
                }
            }
        }
        // A table of another account's is not to be seen.
        guard !examined.isEmpty else { return nil }
        let seen =
            [
                missing.isEmpty
                    ? "SELECT, INSERT, UPDATE, DELETE on \(examined.joined(separator: " and "))"
                    : "no \(missing.joined(separator: ", "))"
            ] + unknown
        return Finding(
            !missing.isEmpty ? .bad : unknown.isEmpty ? .good : .warn, seen.joined(separator: "; "),
            advice: missing.isEmpty ? nil : "GRANT them to this user; the queue needs all four on both tables.")
    }
}
