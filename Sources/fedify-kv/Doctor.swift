import ArgumentParser
import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at the server, the rights and the table, and says what to do; it changes nothing.",
        discussion: """
            Each line is good, warn or bad. It exits with 1 if one is bad, and with 3 if the server can't be reached.

            Examples:
              fedify-kv doctor
              fedify-kv doctor --json
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    private struct Answer: Encodable {
        let checks: [Finding]
    }

    func run() async throws {
        let findings = try await store.withStore { kv in
            let server = kv.pool.configuration
            return try await kv.pool.withConnection { [table = store.table] connection in
                try await Examination(connection, configuration: server, table: table).findings()
            }
        }
        try output.write(Answer(checks: findings), findings.map(\.text).joined(separator: "\n"))
        if findings.contains(where: { $0.level == .bad }) { throw ExitCode(1) }
    }
}

/// What one check found.
struct Finding: Encodable, Sendable {
    enum Level: String, Encodable { case good, warn, bad }

    let check: String
    let level: Level
    let seen: String
    /// What to do.
    var advice: String?

    var text: String {
        let colour: Terminal.Colour =
            switch level {
            case .good: .green
            case .warn: .yellow
            case .bad: .red
            }
        let word = level.rawValue.padding(toLength: 6, withPad: " ", startingAt: 0)
        let name = check.padding(toLength: 12, withPad: " ", startingAt: 0)
        return Terminal.coloured(word, colour) + name + seen
            + (advice.map { "\n" + String(repeating: " ", count: 18) + $0 } ?? "")
    }
}

/// The checks, on a connection.
private struct Examination {
    private let connection: MySQLConnection
    private let configuration: MySQLConfiguration
    private let table: String
    private let variables: [String: String]

    private static let names = [
        "sql_mode", "read_only", "innodb_read_only", "super_read_only", "max_connections", "wait_timeout",
        "innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin",
    ]

    init(_ connection: MySQLConnection, configuration: MySQLConfiguration, table: String) async throws {
        self.connection = connection
        self.configuration = configuration
        self.table = table
        variables = try await connection.globalVariables(Self.names)
    }

    private var isMariaDB: Bool { connection.server.flavor == .mariadb }

    func findings() async throws -> [Finding] {
        let clock = try await clock()
        let columns = try await columns()
        return [
            server(), try await encryption(), writable(), clock, try await timeZone(), sqlMode(), packet(),
            connections(),
            durability(),
        ]
            + (columns.isEmpty ? [missing()] : [definition(columns), try await index(), try await rights()])
    }

    private func rows(_ sql: String, _ parameters: [MySQLParameter] = []) async throws -> [[String?]] {
        var rows: [[String?]] = []
        try await connection.query(sql, parameters, maximumRows: 1000) { row in
            rows.append((0..<row.count).map { row.text($0) })
        }
        return rows
    }

    // MARK: - The server

    private func server() -> Finding {
        let server = connection.server
        let version = server.version.split(separator: ".").prefix(2).compactMap { Int($0.prefix { $0.isNumber }) }
        let least = isMariaDB ? [10, 6] : [8, 0]
        let isOld = version.count == 2 && version.lexicographicallyPrecedes(least)
        return Finding(
            check: "server", level: isOld ? .bad : .good, seen: "\(isMariaDB ? "MariaDB" : "MySQL") \(server.version)",
            advice: isOld ? "MySQL 8.0 or MariaDB 10.6 is the least that is tested; update the server." : nil)
    }

    private func encryption() async throws -> Finding {
        let cipher = try await rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'").first?[1] ?? ""
        let isLocal = configuration.addresses.allSatisfy { address in
            switch address {
            case .unixSocket: true
            case .tcp(let host, _): ["localhost", "127.0.0.1", "::1"].contains(host)
            }
        }
        if cipher.isEmpty {
            return Finding(
                check: "encryption", level: isLocal ? .good : .bad,
                seen: isLocal ? "none, to this machine" : "none",
                advice: isLocal
                    ? nil
                    : "Everybody between can read along: set up TLS on the server, and ask for tls=verify-identity.")
        }
        let isVerified = configuration.tls.mode == .verifyCA || configuration.tls.mode == .verifyIdentity
        return Finding(
            check: "encryption", level: isVerified || isLocal ? .good : .warn,
            seen: cipher + (isVerified ? ", certificate verified" : ", certificate not looked at"),
            advice: isVerified || isLocal
                ? nil : "Somebody between can pose as the server: ask for tls=verify-identity.")
    }

    private func writable() -> Finding {
        let isReadOnly = ["read_only", "super_read_only", "innodb_read_only"].contains { variables[$0] == "ON" }
        return Finding(
            check: "writes", level: isReadOnly ? .bad : .good,
            seen: isReadOnly ? "the server is read-only" : "the server takes writes",
            advice: isReadOnly ? "Name the primary in the URL, or all servers separated by commas." : nil)
    }

    /// The clocks of server and client. Only the server's counts for the store.
    private func clock() async throws -> Finding {
        let sent = Date()
        let time = try await MySQLKvStore.time(of: connection)
        let ours = (sent.timeIntervalSince1970 + Date().timeIntervalSince1970) / 2
        let skew = Double(time) / 1_000_000 - ours
        let isFar = abs(skew) > 1
        let shown =
            "the server's clock is \(abs((skew * 1000).rounded()) / 1000) s \(skew < 0 ? "behind" : "ahead of") ours"
        return Finding(
            check: "clock", level: isFar ? .warn : .good, seen: shown,
            advice: isFar ? "Expiry goes by the server's clock alone; let NTP set both, or logs will not agree." : nil)
    }

    private func timeZone() async throws -> Finding {
        let row = try await rows("SELECT @@SESSION.time_zone, TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())").first
        let minutes = Int(row?[1] ?? "") ?? 0
        let offset = minutes == 0 ? "UTC" : "UTC \(minutes > 0 ? "+" : "-") \(abs(minutes)) minutes"
        return Finding(
            check: "time zone", level: minutes == 0 ? .good : .warn, seen: "\(row?[0] ?? ""), now \(offset)",
            advice: minutes == 0
                ? nil
                : "This store keeps ends in UTC, Fedify's TypeScript store in this zone: if they share the table, set "
                    + "expiryClock to sessionTimeZone, or the server to UTC.")
    }

    private func sqlMode() -> Finding {
        let mode = variables["sql_mode"] ?? ""
        let isStrict = mode.contains("STRICT_TRANS_TABLES") || mode.contains("STRICT_ALL_TABLES")
        return Finding(
            check: "sql_mode", level: isStrict ? .good : .warn, seen: isStrict ? "strict" : "not strict",
            advice: isStrict
                ? nil
                : "The store makes its own sessions strict; other programs' values may be cut silently. Add STRICT_TRANS_TABLES."
        )
    }

    private func packet() -> Finding {
        let bytes = connection.server.maximumPacketSize
        let isSmall = bytes < 1 << 20
        return Finding(
            check: "packet", level: isSmall ? .warn : .good, seen: "values up to \(bytes) bytes, key included",
            advice: isSmall ? "Raise the server's max_allowed_packet; 16 MiB is MariaDB's default." : nil)
    }

    private func connections() -> Finding {
        let most = Int(variables["max_connections"] ?? "") ?? 0
        let own = configuration.pool.maximumConnections
        let wait = Int(variables["wait_timeout"] ?? "") ?? .max
        if most < own * 2 {
            return Finding(
                check: "connections", level: .warn, seen: "\(most) at the most, \(own) in each process's pool",
                advice: "Raise max_connections above the sum of all pools, or lower pool-size.")
        }
        let idle = Int(configuration.pool.idleTimeout / .seconds(1))
        return Finding(
            check: "connections", level: wait <= idle ? .warn : .good,
            seen: "\(most) at the most, \(own) in each process's pool; idle ones end after \(wait) s",
            advice: wait <= idle ? "Keep the pool's idleTimeout (\(idle) s) below the server's wait_timeout." : nil)
    }

    private func durability() -> Finding {
        let flush = variables["innodb_flush_log_at_trx_commit"] ?? "?"
        let sync = variables["sync_binlog"] ?? "?"
        let hasLog = variables["log_bin"] == "ON"
        let isDurable = flush == "1" && (!hasLog || sync == "1")
        return Finding(
            check: "durability", level: isDurable ? .good : .warn,
            seen: "innodb_flush_log_at_trx_commit = \(flush)"
                + (hasLog ? ", sync_binlog = \(sync)" : ", no binary log"),
            advice: isDurable
                ? nil : "A crash can lose acknowledged writes. Fine for a cache, not for locks: set both to 1.")
    }

    // MARK: - The table

    private func missing() -> Finding {
        Finding(
            check: "table", level: .warn, seen: "\(table) isn't there",
            advice: "The first operation makes it, which needs the rights CREATE and INDEX; or run fedify-kv init.")
    }

    private func columns() async throws -> [[String?]] {
        try await rows(
            """
            SELECT LOWER(c.column_name), LOWER(c.column_type), c.is_nullable, COALESCE(c.collation_name, ''), \
            COALESCE(t.engine, ''), c.column_key FROM information_schema.columns c \
            JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
            WHERE c.table_schema = DATABASE() AND c.table_name = ? ORDER BY c.ordinal_position
            """, [.text(table)])
    }

    private func definition(_ columns: [[String?]]) -> Finding {
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
        if columns.first(where: { $0[0] == "key" })?[5] != "PRI" { wrong.append("key isn't the primary key") }
        if columns[0][4]?.lowercased() != "innodb" { wrong.append("the engine isn't InnoDB") }
        return Finding(
            check: "table", level: wrong.isEmpty ? .good : .bad,
            seen: wrong.isEmpty ? "\(table), as Fedify makes it" : wrong.joined(separator: "; "),
            advice: wrong.isEmpty
                ? nil
                : "Keys would be mixed up, or writes fail: export, drop, init, import; the manual has the statement.")
    }

    private func index() async throws -> Finding {
        let found = try await rows(
            """
            SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
            AND column_name = 'expires' AND seq_in_index = 1 LIMIT 1
            """, [.text(table)])
        return Finding(
            check: "index", level: found.isEmpty ? .warn : .good,
            seen: found.isEmpty ? "none on expires" : "on expires",
            advice: found.isEmpty ? "Sweeps read the whole table: run fedify-kv init." : nil)
    }

    /// What this user may do, found by asking the server to explain it: nothing is carried out.
    private func rights() async throws -> Finding {
        let name = "`\(table)`"
        let statements = [
            ("SELECT", "EXPLAIN SELECT `value` FROM \(name) WHERE `key` = ''"),
            ("INSERT", "EXPLAIN INSERT INTO \(name) (`key`, `value`) VALUES ('', '0')"),
            ("UPDATE", "EXPLAIN UPDATE \(name) SET `expires` = NULL WHERE `key` = ''"),
            ("DELETE", "EXPLAIN DELETE FROM \(name) WHERE `key` = ''"),
        ]
        var missing: [String] = []
        for (right, sql) in statements {
            do {
                _ = try await rows(sql)
            } catch let error as MySQLError {
                // Denied for a command on a table, or on a column.
                guard [1142, 1143].contains(error.serverCode) else { throw error }
                missing.append(right)
            }
        }
        return Finding(
            check: "rights", level: missing.isEmpty ? .good : .bad,
            seen: missing.isEmpty ? "SELECT, INSERT, UPDATE, DELETE" : "no \(missing.joined(separator: ", "))",
            advice: missing.isEmpty ? nil : "GRANT \(missing.joined(separator: ", ")) ON the table to this user.")
    }
}
