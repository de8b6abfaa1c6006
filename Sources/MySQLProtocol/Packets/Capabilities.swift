/// Capability flags. (MySQL: "Capabilities Flags"; MariaDB: "Connection", extended capabilities from
/// bit 32.)
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// MySQL sets this flag. A MariaDB server that omits it sends its extended capabilities.
    package static let longPassword = Capabilities(rawValue: 1)
    /// UPDATE returns the number of rows found, not changed.
    package static let foundRows = Capabilities(rawValue: 1 << 1)
    package static let longFlag = Capabilities(rawValue: 1 << 2)
    package static let connectWithDatabase = Capabilities(rawValue: 1 << 3)
    /// The server may request the client's files. Never sent.
    package static let localFiles = Capabilities(rawValue: 1 << 7)
    package static let protocol41 = Capabilities(rawValue: 1 << 9)
    package static let tls = Capabilities(rawValue: 1 << 11)
    package static let transactions = Capabilities(rawValue: 1 << 13)
    package static let secureConnection = Capabilities(rawValue: 1 << 15)
    package static let pluginAuthentication = Capabilities(rawValue: 1 << 19)
    /// The answer to a challenge may have more than 250 bytes.
    package static let lengthEncodedAuthentication = Capabilities(rawValue: 1 << 21)
    /// No EOF packet after columns, and an OK packet instead of it after rows.
    package static let deprecateEOF = Capabilities(rawValue: 1 << 24)
    /// MariaDB only. It proves that the server, not only its greeting, is MariaDB: the last prepared statement can be
    /// executed by the ID -1.
    package static let mariaDBBulkOperations = Capabilities(rawValue: 1 << 34)

    /// The required flags.
    static let needed: Capabilities = [.protocol41, .secureConnection, .pluginAuthentication]
    /// The optional flags that this client uses.
    static let wanted: Capabilities = [
        .foundRows, .longFlag, .connectWithDatabase, .protocol41, .transactions, .secureConnection,
        .pluginAuthentication, .lengthEncodedAuthentication, .deprecateEOF, .mariaDBBulkOperations,
    ]
}
