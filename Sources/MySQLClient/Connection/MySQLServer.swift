/// What a connection found out about its server.
package struct MySQLServer: Sendable, Equatable {
    /// The two families.
    package enum Flavor: String, Sendable {
        /// Oracle's MySQL, and what speaks like it.
        case mysql
        /// MariaDB.
        case mariadb
    }

    /// The family.
    package let flavor: Flavor
    /// The version as the server tells it.
    package let version: String
    /// `max_allowed_packet`, in bytes.
    package let maximumPacketSize: Int
}
