/// What a connection found out about its server.
public struct MySQLServer: Sendable, Equatable {
    /// The two families.
    public enum Flavor: String, Sendable {
        /// Oracle's MySQL, and what speaks like it.
        case mysql
        /// MariaDB.
        case mariadb
    }

    /// The family.
    public let flavor: Flavor
    /// The version as the server tells it.
    public let version: String
    /// `max_allowed_packet`, in bytes.
    public let maximumPacketSize: Int
}
