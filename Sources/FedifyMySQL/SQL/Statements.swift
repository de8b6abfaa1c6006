import FedifyKv
import NIOConcurrencyHelpers

/// All SQL of the store, for one table. Keys, values and times are always bound; only the validated table name and the
/// number of `?` are part of the text.
///
/// Differences between MySQL and MariaDB are in ``Dialect``.
package struct Statements: Sendable {
    /// The table's name, quoted.
    package let table: String
    /// The table with a hint to use the primary key: on a small table the server would otherwise read, and lock, all
    /// rows.
    package var byKey: String { table + " FORCE INDEX (PRIMARY)" }
    /// The server's time, by the clock that entries expire by.
    package let now: String
    /// Statements for many keys or rows, which are long: built once.
    private let texts = NIOLockedValueBox<[Text: String]>([:])

    private enum Text: Hashable {
        case set(Int), get(Int), lock(Int), delete(Int), deleteExpired(Int)
    }

    init(_ options: MySQLKvStoreOptions) {
        table = "`\(options.tableName)`"
        indexName = "idx_\(options.tableName)_expires"
        now = options.expiryClock.now
    }

    // MARK: - Schema, as @fedify/mysql creates it with the server's default row format

    let indexName: String

    var createTable: String {
        """
        CREATE TABLE IF NOT EXISTS \(table) (`key` VARCHAR(768) NOT NULL, `value` JSON NOT NULL, \
        `expires` DATETIME(6) NULL DEFAULT NULL, PRIMARY KEY (`key`), INDEX `\(indexName)` (`expires`)) \
        ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
        """
    }

    var createIndex: String { "CREATE INDEX `\(indexName)` ON \(table) (`expires`)" }

    /// One row if the table exists; column 1 is set if the index exists.
    static let findTable = """
        SELECT 1, (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = DATABASE() \
        AND s.table_name = ? AND s.index_name = ? LIMIT 1) \
        FROM information_schema.tables t WHERE t.table_schema = DATABASE() AND t.table_name = ?
        """

    var dropTable: String { "DROP TABLE IF EXISTS \(table)" }

    // MARK: - One key

    package var isLive: String { "(`expires` IS NULL OR `expires` > \(now))" }
    package var isExpired: String { "`expires` <= \(now)" }
    /// Bound to microseconds, or to NULL for no expiry. Past the year 9999 it is an error (1441) in strict mode.
    private var expiry: String { "\(now) + INTERVAL ? MICROSECOND" }

    var get: String { "SELECT `value` FROM \(table) WHERE `key` = ? AND \(isLive)" }

    var getWithTTL: String {
        "SELECT `value`, TIMESTAMPDIFF(MICROSECOND, \(now), `expires`) FROM \(table) WHERE `key` = ? AND \(isLive)"
    }

    func delete(_ dialect: Dialect) -> String { "\(dialect.delete(from: table)) WHERE `key` = ?" }

    /// Binds key, value and microseconds for each row.
    func set(rows: Int) -> String {
        texts.value(for: .set(rows)) {
            let values = repeatElement("(?, ?, \(expiry))", count: rows).joined(separator: ", ")
            // VALUES() is the only form that MySQL 8.0 to 9, MariaDB, TiDB and Vitess all support.
            return """
                INSERT INTO \(table) (`key`, `value`, `expires`) VALUES \(values) \
                ON DUPLICATE KEY UPDATE `value` = VALUES(`value`), `expires` = VALUES(`expires`)
                """
        }
    }

    /// Binds key and value.
    var setKeepingExpiry: String {
        """
        INSERT INTO \(table) (`key`, `value`, `expires`) VALUES (?, ?, NULL) \
        ON DUPLICATE KEY UPDATE `value` = VALUES(`value`), `expires` = IF(\(isExpired), NULL, `expires`)
        """
    }

    // MARK: - Compare-and-swap

    /// Absent to `new`: binds key, value, microseconds. An existing row, expired or not, is a duplicate key.
    var insert: String { "INSERT INTO \(table) (`key`, `value`, `expires`) VALUES (?, ?, \(expiry))" }

    /// Expired to `new`: binds value, microseconds, key.
    var replaceExpired: String {
        "UPDATE \(table) SET `value` = ?, `expires` = \(expiry) WHERE `key` = ? AND \(isExpired)"
    }

    /// `expected` to `new`: binds value, microseconds, key, expected.
    func replace(_ dialect: Dialect) -> String {
        """
        UPDATE \(table) SET `value` = ?, `expires` = \(expiry) \
        WHERE `key` = ? AND \(dialect.valueIsEqual) AND \(isLive)
        """
    }

    /// `expected` to absent: binds key, expected.
    func remove(_ dialect: Dialect) -> String {
        "\(dialect.delete(from: table)) WHERE `key` = ? AND \(dialect.valueIsEqual) AND \(isLive)"
    }

    // MARK: - Many keys

    func get(keys: Int) -> String {
        texts.value(for: .get(keys)) {
            "SELECT `key`, `value` FROM \(byKey) WHERE `key` IN (\(Self.marks(keys))) AND \(isLive)"
        }
    }

    /// As ``get(keys:)``, and locks the rows until the transaction ends.
    func lock(keys: Int) -> String {
        let get = get(keys: keys)
        return texts.value(for: .lock(keys)) { get + " FOR UPDATE" }
    }

    func delete(keys: Int) -> String {
        texts.value(for: .delete(keys)) {
            // The second condition is true of every row. Without it, both servers read all rows of a small table
            // despite the hint.
            "DELETE FROM \(table) USING \(byKey) WHERE `key` IN (\(Self.marks(keys))) AND `expires` <=> `expires`"
        }
    }

    static func marks(_ count: Int) -> String {
        repeatElement("?", count: count).joined(separator: ", ")
    }

    // MARK: - Ranges of keys; each binds the bounds, exclusive and inclusive

    package static let isInRange = "`key` > ? AND `key` <= ?"

    /// Also binds the maximum number of rows.
    var page: String { page("`key`, `value`") }

    /// As ``page``, with the microseconds until each entry expires, and the server's time.
    var pageWithExpiry: String {
        page("`key`, `value`, TIMESTAMPDIFF(MICROSECOND, \(now), `expires`), \(Self.microsecondsSince1970)")
    }

    /// The size of each value of such a page, in bytes. Also binds the maximum number of rows.
    var pageSizes: String { page("LENGTH(`value`)") }

    private func page(_ columns: String) -> String {
        "SELECT \(columns) FROM \(byKey) WHERE \(Self.isInRange) AND \(isLive) ORDER BY `key` LIMIT ?"
    }

    private static let microsecondsSince1970 = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
    static let serverTime = "SELECT \(microsecondsSince1970)"

    /// Expired rows too. Also binds the maximum number of rows.
    var keys: String { "SELECT `key` FROM \(byKey) WHERE \(Self.isInRange) ORDER BY `key` LIMIT ?" }

    /// Binds also ``KeyRange/canonicalKeyPattern``.
    var count: String { "SELECT COUNT(*) FROM \(byKey) WHERE \(Self.isInRange) AND \(isLive) AND `key` REGEXP ?" }

    // MARK: - Upkeep

    /// Keys of expired rows, the oldest first. It locks nothing. Binds the maximum number of rows.
    var expiredKeys: String {
        "SELECT `key` FROM \(table) WHERE `expires` IS NOT NULL AND \(isExpired) ORDER BY `expires` LIMIT ?"
    }

    /// Checks the expiry again under the row's lock: a row that was refreshed stays.
    func deleteExpired(keys: Int) -> String {
        texts.value(for: .deleteExpired(keys)) {
            "DELETE FROM \(table) USING \(byKey) WHERE `key` IN (\(Self.marks(keys))) AND \(isExpired)"
        }
    }

    /// The name of a lock for this database and table, within the server's 64 characters. Binds the table's name.
    /// (MySQL 9.7 has no MD5().)
    private static let sweepLock = "CONCAT('fedify_kv_sweep_', LEFT(SHA2(CONCAT(DATABASE(), '.', ?), 256), 32))"
    static let isSweepFree = "SELECT IS_FREE_LOCK(\(sweepLock))"
    /// Binds also the seconds to wait.
    static let lockSweep = "SELECT GET_LOCK(\(sweepLock), ?)"
    static let unlockSweep = "SELECT RELEASE_LOCK(\(sweepLock))"
}

extension MySQLKvStoreOptions.ExpiryClock {
    /// The server's time.
    var now: String {
        switch self {
        case .utc: "UTC_TIMESTAMP(6)"
        case .sessionTimeZone: "NOW(6)"
        }
    }
}
