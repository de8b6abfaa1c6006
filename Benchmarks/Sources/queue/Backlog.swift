import FedifyMySQL
import Foundation
@_spi(Benchmarks) import MySQLClient
import Support

/// The messages in a table, made on the server: enqueueing a million would take longer than all that is measured.
struct Backlog {
    enum Key {
        case none
        /// `key-0` to `key-999` in turn.
        case thousand
        case one
    }

    let pool: MySQLPool
    let table: String

    private static let perStatement = 50_000

    /// A pool that waits for statements of many rows.
    static func pool(_ url: String) throws -> MySQLPool {
        var configuration = try MySQLConfiguration(url: url)
        configuration.operationTimeout = .seconds(300)
        return try MySQLPool(configuration)
    }

    /// Makes the table anew, with messages that are ready.
    func renew(_ count: Int, key: Key = .none) async throws {
        var options = MySQLMessageQueueOptions()
        options.tableName = table
        let queue = try MySQLMessageQueue(pool, options: options)
        try await queue.drop()
        try await queue.initialize()
        if count > 0 { try await fill(count, key: key) }
        try await untilPurged()
    }

    func drop() async throws {
        _ = try await pool.statement("DROP TABLE IF EXISTS `\(table)`")
        _ = try await pool.statement("DROP TABLE IF EXISTS `\(table)_dead`")
    }

    /// Adds messages of 200 bytes, with a delay in hours. Their IDs ascend with their times, as those of real ones do.
    func fill(_ count: Int, key: Key = .none, delay: Int = 0) async throws {
        let milliseconds = Int(Date().timeIntervalSince1970 * 1000) - count / 100
        let fillID = String(UInt16.random(in: 0...0xFFF), radix: 16, uppercase: true)
        let keyText =
            switch key {
            case .none: "NULL"
            case .thousand: "CONCAT('key-', (n + start) % \(Settings.keys))"
            case .one: "'key-0'"
            }
        for start in stride(from: 0, to: count, by: Self.perStatement) {
            _ = try await pool.statement(
                """
                INSERT INTO `\(table)` (`id`, `message`, `deliver_after`, `ordering_key`) \
                WITH RECURSIVE digits AS (SELECT 0 AS d UNION ALL SELECT d + 1 FROM digits WHERE d < 999), \
                numbers AS (SELECT a.d * 1000 + b.d AS n, \(start) AS start FROM digits a CROSS JOIN digits b \
                WHERE a.d < \(Self.perStatement / 1000)) \
                SELECT CONCAT(INSERT(LPAD(HEX(\(milliseconds) + (n + start) DIV 100), 12, '0'), 9, 0, '-'), \
                '-7000-8\(String(repeating: "0", count: 3 - fillID.count) + fillID)-', LPAD(HEX(n + start), 12, '0')), \
                CONCAT('{"n":', n + start, ',"text":"', REPEAT('x', 183 - LENGTH(n + start)), '"}'), \
                NOW(6) + INTERVAL (\(delay * 3600) * 1000000 + n + start - \(count)) MICROSECOND, \
                \(keyText) FROM numbers WHERE n < \(min(Self.perStatement, count - start)) ORDER BY n
                """)
        }
        _ = try await pool.statement("ANALYZE TABLE `\(table)`")
    }

    func count() async throws -> Int {
        try await number("SELECT COUNT(*) FROM `\(table)`")
    }

    func isEmpty() async throws -> Bool {
        try await pool.statement("SELECT 1 FROM `\(table)` LIMIT 1").isEmpty
    }

    /// Deadlocks that the server has seen.
    func deadlocks() async throws -> Int {
        try await number("SELECT `count` FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'")
    }

    /// What one turn leaves to the server to clean up is not the next one's.
    func untilPurged(atMost limit: Duration = .seconds(20)) async throws {
        let end = ContinuousClock.now + limit
        while .now < end {
            let length = try await number(
                "SELECT `count` FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'")
            if length <= 1000 { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        say("the server has not purged within \(limit)")
    }

    private func number(_ sql: String) async throws -> Int {
        try await pool.statement(sql).first?.first?.flatMap { Int($0) } ?? 0
    }
}
