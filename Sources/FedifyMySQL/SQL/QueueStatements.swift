import FedifyMQ
import NIOConcurrencyHelpers

/// All SQL of the queue, for one table. Messages, keys and times are always bound; only the validated table name and the
/// number of `?` are part of the text.
///
/// Times are the server's, as text with six digits. A message's `deliver_after` while it is leased is the end of its
/// lease, and the token that shows who has it.
package struct QueueStatements: Sendable {
    /// The table's name, quoted.
    package let table: String
    /// The table of dead messages, quoted.
    package let deadTable: String
    package let now: String
    package let dueIndex: String
    package let keyIndex: String
    private let texts = NIOLockedValueBox<[Text: String]>([:])

    private enum Text: Hashable {
        case insert(Int, leased: Bool), inserted(Int), claim(Int, counted: Bool), delete(Int), deleteKeyed(Int), renew(
            Int)
    }

    package init(_ options: MySQLMessageQueueOptions) {
        table = "`\(options.tableName)`"
        deadTable = "`\(options.tableName)_dead`"
        dueIndex = "idx_\(options.tableName)_deliver_after"
        keyIndex = "idx_\(options.tableName)_ok_da"
        now = options.clock.now
    }

    package var byID: String { "\(table) FORCE INDEX (PRIMARY)" }
    package var byDue: String { "\(table) FORCE INDEX (`\(dueIndex)`)" }
    /// Reading by this index returns the messages of a key, or those without one, in their order: (key, `deliver_after`,
    /// `id`). The servers would sort them if they were asked to, since the index has only a prefix of the key.
    package var byKey: String { "\(table) FORCE INDEX (`\(keyIndex)`)" }

    // MARK: - Schema, as @fedify/mysql creates it, with two more columns

    static let countingColumns = "`attempts` INT NOT NULL DEFAULT 0, `last_error` VARCHAR(1000) NULL DEFAULT NULL"

    var createTable: String {
        """
        CREATE TABLE IF NOT EXISTS \(table) (`id` CHAR(36) NOT NULL, `message` JSON NOT NULL, \
        `deliver_after` DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), `ordering_key` TEXT NULL DEFAULT NULL, \
        \(Self.countingColumns), PRIMARY KEY (`id`), INDEX `\(dueIndex)` (`deliver_after`), \
        INDEX `\(keyIndex)` (`ordering_key`(766), `deliver_after`)) \
        ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
        """
    }

    var createDeadTable: String {
        """
        CREATE TABLE IF NOT EXISTS \(deadTable) (`id` CHAR(36) NOT NULL, `message` JSON NOT NULL, \
        `ordering_key` TEXT NULL DEFAULT NULL, `attempts` INT NOT NULL, `last_error` VARCHAR(1000) NULL DEFAULT NULL, \
        `died_at` DATETIME(6) NOT NULL, PRIMARY KEY (`id`), INDEX `\(deadIndex)` (`died_at`)) \
        ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
        """
    }

    private var deadIndex: String { dueIndex.replacing("_deliver_after", with: "_died_at") }

    /// Adds a column without rewriting the table. (Both manuals: "ALGORITHM=INSTANT".)
    func addColumn(_ definition: Substring) -> String {
        "ALTER TABLE \(table) ADD COLUMN \(definition), ALGORITHM=INSTANT"
    }

    /// The names of a table's columns. Binds the table's name.
    static let columns = """
        SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
        """

    /// Binds the table's name.
    package static let tableExists = """
        SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?
        """

    // MARK: - Enqueueing

    /// Binds ID, message, microseconds, key for each row, and with leases the number of attempts.
    func insert(rows: Int, leased: Bool = false) -> String {
        texts.value(for: .insert(rows, leased: leased)) {
            let values = repeatElement("(?, ?, \(now) + INTERVAL ? MICROSECOND, ?\(leased ? ", ?" : ""))", count: rows)
            return "INSERT INTO \(table) (`id`, `message`, `deliver_after`, `ordering_key`"
                + (leased ? ", `attempts`" : "") + ") VALUES " + values.joined(separator: ", ")
        }
    }

    /// Messages that were inserted with a lease, in the columns of ``claim(counted:)``, and whether an earlier message is
    /// ready: if so, that one comes first. Binds the microseconds since when none was, and the IDs.
    func inserted(rows: Int) -> String {
        texts.value(for: .inserted(rows)) {
            """
            SELECT `id`, `message`, 0, `deliver_after`, EXISTS (SELECT 1 FROM \(byKey) WHERE `ordering_key` IS NULL \
            AND `deliver_after` >= \(now) - INTERVAL ? MICROSECOND AND `deliver_after` <= \(now)) \
            FROM \(byID) WHERE `id` IN (\(Statements.marks(rows)))
            """
        }
    }

    /// Takes a lease back, as if the message had been inserted without. Binds its microseconds, the token, and the IDs.
    func withoutLease(rows: Int, counted: Bool) -> String {
        """
        UPDATE \(byID) SET `deliver_after` = `deliver_after` - INTERVAL ? MICROSECOND\
        \(counted ? ", `attempts` = 0" : "") WHERE `deliver_after` = ? AND `id` IN (\(Statements.marks(rows)))
        """
    }

    // MARK: - Claiming

    /// For the next transaction alone.
    static let readCommitted = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"

    /// The first messages without a key that are ready and not locked, in their order, and the token of
    /// the new lease. Binds the lease in microseconds, the token to begin at, and the number of rows.
    ///
    /// Beginning after the last claim passes the marks that deleted rows leave in the index until the server has
    /// purged them.
    package func claim(counted: Bool) -> String {
        """
        SELECT `id`, `message`, \(counted ? "`attempts`" : "NULL"), `deliver_after`, \(now) + INTERVAL ? MICROSECOND \
        FROM \(byKey) WHERE `ordering_key` IS NULL AND `deliver_after` >= ? AND `deliver_after` <= \(now) LIMIT ? \
        FOR UPDATE SKIP LOCKED
        """
    }

    /// Leases locked rows. Binds the token, then the IDs.
    func lease(rows: Int, counted: Bool) -> String {
        texts.value(for: .claim(rows, counted: counted)) {
            "UPDATE \(byID) SET `deliver_after` = ?\(counted ? ", `attempts` = `attempts` + 1" : "") "
                + "WHERE `id` IN (\(Statements.marks(rows)))"
        }
    }

    /// The microseconds until the first message of all is due, negative if it is. One row, or none.
    package var nextDue: String {
        "SELECT TIMESTAMPDIFF(MICROSECOND, \(now), `deliver_after`) FROM \(byDue) ORDER BY `deliver_after` LIMIT 1"
    }

    /// The end of a lease that begins now. Binds its microseconds.
    var newToken: String { "SELECT \(now) + INTERVAL ? MICROSECOND" }

    /// Binds the new token, the IDs, and the present token.
    func renew(rows: Int) -> String {
        texts.value(for: .renew(rows)) {
            "UPDATE \(byID) SET `deliver_after` = ? WHERE `id` IN (\(Statements.marks(rows))) AND `deliver_after` = ?"
        }
    }

    /// The token of each message. Binds the IDs.
    func tokens(rows: Int) -> String {
        "SELECT `id`, `deliver_after` FROM \(byID) WHERE `id` IN (\(Statements.marks(rows)))"
    }

    // MARK: - Settling

    /// Deletes messages that are done. Binds the IDs and the token.
    func delete(rows: Int) -> String {
        texts.value(for: .delete(rows)) {
            "DELETE FROM \(table) USING \(byID) WHERE `id` IN (\(Statements.marks(rows))) AND `deliver_after` = ?"
        }
    }

    /// Deletes messages of keys whose locks we have. Binds the IDs.
    func deleteKeyed(rows: Int) -> String {
        texts.value(for: .deleteKeyed(rows)) {
            // The second condition is true of every row, see `Statements.delete(keys:)`.
            "DELETE FROM \(table) USING \(byID) WHERE `id` IN (\(Statements.marks(rows))) "
                + "AND `deliver_after` <=> `deliver_after`"
        }
    }

    /// Binds the pause in microseconds, the error, the ID, and the token.
    func retry(counted: Bool) -> String {
        """
        UPDATE \(byID) SET `deliver_after` = \(now) + INTERVAL ? MICROSECOND\
        \(counted ? ", `last_error` = ?" : "") WHERE `id` = ? AND `deliver_after` = ?
        """
    }

    /// Notes a failed attempt of a message that keeps its place. Binds the error and the ID.
    var count: String { "UPDATE \(byID) SET `attempts` = `attempts` + 1, `last_error` = ? WHERE `id` = ?" }

    /// As ``retry(counted:)`` for a message of a key whose lock we have. Binds the pause in microseconds, the error, the
    /// ID.
    func retryKeyed(counted: Bool) -> String {
        """
        UPDATE \(byID) SET `deliver_after` = \(now) + INTERVAL ? MICROSECOND\
        \(counted ? ", `attempts` = `attempts` + 1, `last_error` = ?" : "") WHERE `id` = ?
        """
    }

    /// Gives messages back that no handler has failed at. Binds the IDs and the token.
    func release(rows: Int, counted: Bool) -> String {
        """
        UPDATE \(byID) SET `deliver_after` = \(now)\
        \(counted ? ", `attempts` = GREATEST(`attempts` - 1, 0)" : "") \
        WHERE `id` IN (\(Statements.marks(rows))) AND `deliver_after` = ?
        """
    }

    /// Copies a message to the dead ones. Binds the attempts, the error, the ID, and the token or NULL.
    var bury: String {
        """
        REPLACE INTO \(deadTable) (`id`, `message`, `ordering_key`, `attempts`, `last_error`, `died_at`) \
        SELECT `id`, `message`, `ordering_key`, ?, ?, \(now) FROM \(table) \
        WHERE `id` = ? AND `deliver_after` = COALESCE(?, `deliver_after`)
        """
    }

    /// Binds the ID, and the token or NULL.
    var deleteBuried: String {
        "DELETE FROM \(table) USING \(byID) WHERE `id` = ? AND `deliver_after` = COALESCE(?, `deliver_after`)"
    }

    // MARK: - Ordering keys

    /// The keys of messages from a key on, in the order of the keys, and whether each message is ready. Binds the text to
    /// begin at, and the number of messages.
    package var keys: String {
        "SELECT `ordering_key`, `deliver_after` <= \(now) FROM \(byKey) WHERE `ordering_key` >= ? LIMIT ?"
    }

    /// The next key, however many messages this one has, is not before this key with this text appended: the collation
    /// pads with spaces. (A condition `> key` would read all of them, since the index has only a prefix of the key.) A key
    /// that begins so is found by ``oldestKeys`` alone.
    static let afterKey = "                !"

    /// The keys among the messages that have been ready longest. Binds the number of messages.
    package var oldestKeys: String {
        """
        SELECT DISTINCT `ordering_key` FROM (SELECT `ordering_key` FROM \(byDue) WHERE `deliver_after` <= \(now) \
        ORDER BY `deliver_after` LIMIT ?) `oldest` WHERE `ordering_key` IS NOT NULL
        """
    }

    /// The first ready messages of a key, in their order. Binds the key, its bytes (the collation takes keys for equal
    /// that differ in spaces at the end), and the number.
    package func messages(counted: Bool) -> String {
        """
        SELECT `id`, `message`, \(counted ? "`attempts`" : "NULL"), `deliver_after` \
        FROM \(byKey) WHERE `ordering_key` = ? AND LENGTH(`ordering_key`) = ? AND `deliver_after` <= \(now) LIMIT ?
        """
    }

    // MARK: - Depth

    package var depth: String {
        "SELECT COUNT(*), COUNT(IF(`deliver_after` <= \(now), 1, NULL)) FROM \(byDue)"
    }

    var deadCount: String { "SELECT COUNT(*) FROM \(deadTable)" }

    /// The transactions that InnoDB has still to purge.
    static let historyLength = """
        SELECT `count` FROM information_schema.innodb_metrics WHERE `name` = 'trx_rseg_history_len'
        """

    /// The age in microseconds of the message that has been ready longest.
    package var oldestReady: String {
        "SELECT TIMESTAMPDIFF(MICROSECOND, MIN(`deliver_after`), \(now)) FROM \(byDue) WHERE `deliver_after` <= \(now)"
    }
}
