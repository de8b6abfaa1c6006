import CommandLineSupport
import MySQLClient

/// The table, and this account's rights on it.
extension Examination {
    private struct Table {
        let engine: String
        let rowFormat: String
    }

    private func find() async throws(MySQLError) -> Table? {
        let found = try await rows(
            "SELECT engine, row_format FROM information_schema.tables WHERE table_schema = DATABASE() "
                + "AND table_name = '\(table)'")
        return found.first.map { Table(engine: $0[0] ?? "", rowFormat: $0[1] ?? "") }
    }

    /// The key, 768 characters of four bytes, is the primary key: InnoDB's limit for one is 3072 bytes on pages of 16
    /// KiB.
    func pageSize() async throws -> Finding {
        let bytes = Int((try await rows("SELECT @@GLOBAL.innodb_page_size").first?.first ?? nil) ?? "") ?? 0
        let isSmall = bytes < 16384
        return Finding(
            isSmall ? .bad : .good, "\(bytes) bytes",
            advice: isSmall
                ? "The table's key needs pages of 16384 bytes or more, and the table can't be created (error 1071): the "
                    + "server's data must be created again with another innodb_page_size." : nil)
    }

    func definition() async throws -> Finding {
        guard let found = try await find() else {
            return Finding(
                .warn, "\(table) doesn't exist",
                advice:
                    "fedify-kv init creates it, and so does the first operation of an application. It requires the right "
                    + "CREATE.")
        }
        let columns = try await rows(
            """
            SELECT LOWER(column_name), LOWER(column_type), is_nullable, COALESCE(collation_name, ''), column_key \
            FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '\(table)' \
            ORDER BY ordinal_position
            """)
        let value = isMariaDB ? ["value", "longtext", "NO", "utf8mb4_bin"] : ["value", "json", "NO", ""]
        let expected = [["key", "varchar(768)", "NO", "utf8mb4_bin"], value, ["expires", "datetime(6)", "YES", ""]]
        var wrong: [String] = []
        for column in expected {
            guard let found = columns.first(where: { $0[0] == column[0] }) else {
                wrong.append("no column \(column[0])")
                continue
            }
            for (part, name) in zip(1...3, ["type", "nullability", "collation"]) where found[part] != column[part] {
                wrong.append("\(column[0]) has the \(name) \(found[part] ?? ""), not \(column[part])")
            }
        }
        if columns.first(where: { $0[0] == "key" })?[4] != "PRI" { wrong.append("key isn't the primary key") }
        if found.engine.lowercased() != "innodb" { wrong.append("the engine isn't InnoDB") }
        return Finding(
            wrong.isEmpty ? .good : .bad,
            wrong.isEmpty ? "\(table), as Fedify creates it" : wrong.joined(separator: "; "),
            advice: wrong.isEmpty
                ? nil
                : "Keys may collide, or writes fail: export, drop, init, import.")
    }

    func rowFormat() async throws -> Finding? {
        guard let found = try await find() else { return nil }
        let isRight = ["dynamic", "compressed"].contains(found.rowFormat.lowercased())
        return Finding(
            isRight ? .good : .warn, found.rowFormat,
            advice: isRight ? nil : "It is too small for keys of full length: ALTER TABLE \(name) ROW_FORMAT=DYNAMIC.")
    }

    func index() async throws -> Finding? {
        guard try await find() != nil else { return nil }
        let found = try await rows(
            """
            SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '\(table)' \
            AND column_name = 'expires' AND seq_in_index = 1 LIMIT 1
            """)
        return Finding(
            found.isEmpty ? .warn : .good, found.isEmpty ? "none on expires" : "on expires",
            advice: found.isEmpty ? "Sweeps read the whole table: run fedify-kv init." : nil)
    }

    /// This account's rights, by EXPLAIN: nothing is executed.
    func rights() async throws -> Finding? {
        let statements = [
            ("SELECT", "EXPLAIN SELECT `value` FROM \(name) WHERE `key` = ''"),
            ("INSERT", "EXPLAIN INSERT INTO \(name) (`key`, `value`) VALUES ('', '0')"),
            ("UPDATE", "EXPLAIN UPDATE \(name) SET `expires` = NULL WHERE `key` = ''"),
            ("DELETE", "EXPLAIN DELETE FROM \(name) WHERE `key` = ''"),
        ]
        var (missing, unknown): ([String], [String]) = ([], [])
        for (right, sql) in statements {
            do throws(MySQLError) {
                _ = try await rows(sql)
            } catch {
                switch error.serverCode {
                // Denied for a command on a table, or on a column.
                case 1142, 1143: missing.append(right)
                case ServerErrorCode.noSuchTable: return nil
                case _ where error.code == .server: unknown.append("\(right) not examined: \(error.detail)")
                default: throw error
                }
            }
        }
        let has = statements.map(\.0).filter { right in
            !missing.contains(right) && !unknown.contains { $0.hasPrefix(right) }
        }
        let seen = [missing.isEmpty ? has.joined(separator: ", ") : "no \(missing.joined(separator: ", "))"] + unknown
        return Finding(
            !missing.isEmpty ? .bad : unknown.isEmpty ? .good : .warn,
            seen.filter { !$0.isEmpty }.joined(separator: "; "),
            advice: missing.isEmpty ? nil : "GRANT \(missing.joined(separator: ", ")) ON the table to this user.")
    }
}
