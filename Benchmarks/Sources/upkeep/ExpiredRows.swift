import MySQLClient

/// Rows that have expired, made on the server: a thousand statements' worth of sets would take longer than the trial.
struct ExpiredRows {
    let pool: MySQLPool
    let table: String

    private static let perStatement = 50_000

    /// Puts them in the table. Their keys are in another order than their ends, as those of real entries are.
    func fill(_ count: Int) async throws {
        for start in stride(from: 0, to: count, by: Self.perStatement) {
            let end = min(start + Self.perStatement, count)
            try await pool.withConnection { [table] connection in
                try await connection.query(
                    """
                    INSERT INTO `\(table)` (`key`, `value`, `expires`) \
                    WITH RECURSIVE digits AS (SELECT 0 AS d UNION ALL SELECT d + 1 FROM digits WHERE d < 999), \
                    numbers AS (SELECT a.d * 1000 + b.d AS n FROM digits a CROSS JOIN digits b WHERE a.d < ?) \
                    SELECT CONCAT('["_fedify","expired","', LPAD(HEX(CRC32(n + ?)), 8, '0'), '","', n + ?, '"]'), \
                    CONCAT('{"n":', n, '}'), \
                    UTC_TIMESTAMP(6) - INTERVAL 1 DAY + INTERVAL (n + ?) * 1000 MICROSECOND FROM numbers WHERE n < ?
                    """,
                    [
                        .integer(Int64(Self.perStatement / 1000)), .integer(Int64(start)), .integer(Int64(start)),
                        .integer(Int64(start)), .integer(Int64(end - start)),
                    ])
            }
        }
        _ = try await pool.withConnection { [table] connection in
            try await connection.query("ANALYZE TABLE `\(table)`", maximumRows: 10)
        }
    }

    /// How many rows the table has, and how many of them have expired.
    func count() async throws -> (all: Int, expired: Int) {
        try await pool.withConnection { [table] connection in
            var counts = (all: -1, expired: -1)
            try await connection.query(
                "SELECT COUNT(*), COALESCE(SUM(`expires` <= UTC_TIMESTAMP(6)), 0) FROM `\(table)`"
            ) { row in
                counts = (row.text(0).flatMap { Int($0) } ?? -1, row.text(1).flatMap { Int($0) } ?? -1)
            }
            return counts
        }
    }

    /// Changes that the server has yet to purge.
    func historyLength() async throws -> Int {
        try await pool.withConnection { connection in
            var length = 0
            try await connection.query(
                "SELECT `count` FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'"
            ) { length = $0.text(0).flatMap { Int($0) } ?? 0 }
            return length
        }
    }
}
