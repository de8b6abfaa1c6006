import FedifyKv
import MySQLClient

/// What differs between the two servers.
enum Dialect: Sendable {
    /// JSON is a binary type of its own: text is normalised, `=` compares as the contract does.
    case mysql
    /// JSON is text, kept verbatim, with a check; `=` compares the text.
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
    /// A DELETE of MariaDB that is killed at its beginning, by `KILL QUERY`, is answered as if there had been no row to
    /// delete (seen with 10.11, in one of ten that were killed). The syntax for several tables is answered with the
    /// error 1317.
    func delete(from table: String) -> String {
        switch self {
        case .mysql: "DELETE FROM \(table)"
        case .mariadb: "DELETE FROM \(table) USING \(table)"
        }
    }

    /// ``valueIsEqual`` misses a value that is equal but written otherwise.
    var comparesText: Bool { self == .mariadb }

    /// The server keeps the value as it is, or refuses it by itself.
    ///
    /// MySQL would store a number that is neither an integer of 64 bits nor a double as the nearest double, silently.
    func keeps(_ summary: JSONSummary) -> Bool {
        self == .mariadb || summary.isExactOnMySQL
    }

    /// The most bytes that the value's text can have when it is read. MySQL writes a space behind each comma and
    /// colon, and a double in its own way.
    func readSize(_ summary: JSONSummary) -> Int {
        switch self {
        case .mysql: summary.byteCount + summary.separators + 24 * summary.fractions
        case .mariadb: summary.byteCount
        }
    }
}
