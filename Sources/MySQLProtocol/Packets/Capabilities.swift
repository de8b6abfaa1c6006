/// What a client or server can do. (MySQL: "Capabilities Flags"; MariaDB: "Connection", extended capabilities from
/// bit 32.)
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// MySQL sets this one. A MariaDB server that leaves it out sends its extended capabilities.
    package static let longPassword = Capabilities(rawValue: 1)
    /// UPDATE answers with the rows found, not the rows changed.
    package static let foundRows = Capabilities(rawValue: 1 << 1)
    package static let longFlag = Capabilities(rawValue: 1 << 2)
    package static let connectWithDatabase = Capabilities(rawValue: 1 << 3)
    /// The server may ask for the client's files. Never sent.
    package static let localFiles = Capabilities(rawValue: 1 << 7)
    package static let protocol41 = Capabilities(rawValue: 1 << 9)
    package static let tls = Capabilities(rawValue: 1 << 11)
    package static let transactions = Capabilities(rawValue: 1 << 13)
    package static let secureConnection = Capabilities(rawValue: 1 << 15)
    package static let pluginAuthentication = Capabilities(rawValue: 1 << 19)
    /// The answer to a challenge may have more than 250 bytes.
    package static let lengthEncodedAuthentication = Capabilities(rawValue: 1 << 21)
    /// No EOF packet behind columns, and an OK packet in its place behind rows.
    package static let deprecateEOF = Capabilities(rawValue: 1 << 24)
    /// MariaDB's own; here the sign that the server, not only its greeting, is MariaDB's: it executes the statement
    /// that was prepared last by the id -1.
    package static let mariaDBBulkOperations = Capabilities(rawValue: 1 << 34)

    /// A server without these can't be talked to.
    static let needed: Capabilities = [.protocol41, .secureConnection, .pluginAuthentication]
    /// What this client asks for where the server has it.
    static let wanted: Capabilities = [
        .foundRows, .longFlag, .connectWithDatabase, .protocol41, .transactions, .secureConnection,
        .pluginAuthentication, .lengthEncodedAuthentication, .deprecateEOF, .mariaDBBulkOperations,
    ]
}
