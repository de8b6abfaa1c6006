import FedifyKv
import MySQLClient

/// The differences between the two servers.
enum Dialect: Sendable {
    /// JSON is a binary type: text is normalized, `=` compares values as the contract requires.
    case mysql
    /// JSON is checked text, kept verbatim; `=` compares the text.
    case mariadb

    init(_ server: MySQLServer) {
        self =
            switch server.flavor {
            case .mysql: .mysql
            case .mariadb: .mariadb
            }
    }

    /// The `value` column is equal to a bound text.
    var valueIsEqual: String {
        switch self {
        case .mysql: "`value` = CAST(? AS JSON)"
        case .mariadb: "`value` = ?"
        }
    }

    /// The beginning of a DELETE.
    ///
    /// MariaDB answers a DELETE that `KILL QUERY` interrupts at its start as if no row had matched (observed with
    /// 10.11, for one in ten). With the multiple-table syntax it returns error 1317.
    func delete(from table: String) -> String {
        switch self {
        case .mysql: "DELETE FROM \(table)"
        case .mariadb: "DELETE FROM \(table) USING \(table)"
        }
    }

    /// Whether ``valueIsEqual`` misses an equal value with another text.
    var comparesText: Bool { self == .mariadb }

    /// Whether the server keeps the value unchanged, or refuses it itself.
    ///
    /// MySQL would store a number that is neither an integer of 64 bits nor a double as the nearest double, silently.
    func keeps(_ summary: JSONSummary) -> Bool {
        self == .mariadb || summary.isExactOnMySQL
    }

    /// The maximum size of the value's text when it is read, in bytes. MySQL writes a space after each comma and colon,
    /// and doubles in its own format.
    func readSize(_ summary: JSONSummary) -> Int {
        switch self {
        case .mysql: summary.byteCount + summary.separators + 24 * summary.fractions
        case .mariadb: summary.byteCount
        }
    }
}
