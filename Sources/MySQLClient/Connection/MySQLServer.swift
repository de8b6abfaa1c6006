/// The server of a connection.
package struct MySQLServer: Sendable, Equatable {
    /// The two families.
    package enum Flavor: String, Sendable {
        /// Oracle's MySQL and compatible servers.
        case mysql
        /// MariaDB.
        case mariadb
    }

    /// The family.
    package let flavor: Flavor
    /// The version as the server reports it.
    package let version: String
    /// `max_allowed_packet`, in bytes.
    package let maximumPacketSize: Int
}
