import FedifyMySQL
@_spi(Benchmarks) import MySQLClient

/// Rows that have expired, made on the server: a thousand statements' worth of sets would take longer than the trial.
struct ExpiredRows {
    let pool: MySQLPool
    let table: String

    private static let perStatement = 50_000

    /// Puts them in the table. Their keys are in another order than their ends, as those of real entries are.
    func fill(_ count: Int) async throws {
        for start in stride(from: 0, to: count, by: Self.perStatement) {
            let end = min(start + Self.perStatement, count)
            _ = try await pool.statement(
                """
                INSERT INTO `\(table)` (`key`, `value`, `expires`) \
                WITH RECURSIVE digits AS (SELECT 0 AS d UNION ALL SELECT d + 1 FROM digits WHERE d < 999), \
                numbers AS (SELECT a.d * 1000 + b.d AS n FROM digits a CROSS JOIN digits b \
                WHERE a.d < \(Self.perStatement / 1000)) \
                SELECT CONCAT('["_fedify","expired","', LPAD(HEX(CRC32(n + \(start))), 8, '0'), '","', n + \(start), '"]'), \
                CONCAT('{"n":', n, '}'), \
                UTC_TIMESTAMP(6) - INTERVAL 1 DAY + INTERVAL (n + \(start)) * 1000 MICROSECOND FROM numbers \
                WHERE n < \(end - start)
                """)
        }
        _ = try await pool.statement("ANALYZE TABLE `\(table)`")
    }

    /// How many rows the table has, and how many of them have expired.
    func count() async throws -> (all: Int, expired: Int) {
        let counts = try await pool.statement(
            "SELECT COUNT(*), COALESCE(SUM(`expires` <= UTC_TIMESTAMP(6)), 0) FROM `\(table)`"
        ).first?.map { $0.flatMap { Int($0) } ?? -1 }
        return (counts?[0] ?? -1, counts?[1] ?? -1)
    }

    /// Changes that the server has yet to purge.
    func historyLength() async throws -> Int {
        let length = try await pool.statement(
            "SELECT `count` FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'")
        return length.first?[0].flatMap { Int($0) } ?? 0
    }
}
