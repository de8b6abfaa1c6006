package import MySQLClient

/// A connection for checks. It uses no prepared statements, which may be exhausted.
package struct Examination {
    package let connection: MySQLConnection
    package let configuration: MySQLConfiguration
    package let table: String

    package init(_ connection: MySQLConnection, configuration: MySQLConfiguration, table: String) {
        self.connection = connection
        self.configuration = configuration
        self.table = table
    }

    package var isMariaDB: Bool { connection.server.flavor == .mariadb }

    /// The table's name in a statement. It has letters, digits and underscores only.
    package var name: String { "`\(table)`" }

    /// Properties of the connection's pool.
    package var poolSize: Int { configuration.pool.maximumConnections }

    /// Runs a statement. Only the table's name in it is variable.
    package func rows(_ sql: String) async throws(MySQLError) -> [[String?]] {
        try await connection.unpreparedRows(sql, maximumRows: 1000).map { row in
            (0..<row.count).map { row.text($0) }
        }
    }

    package enum Scope: String { case global = "GLOBAL", session = "SESSION" }

    /// The values of those variables that the server has.
    package func variables(_ scope: Scope, _ names: [String]) async throws(MySQLError) -> [String: String] {
        try await pairs("SHOW \(scope.rawValue) VARIABLES", names)
    }

    /// The values of the server's status variables.
    package func status(_ names: [String]) async throws(MySQLError) -> [String: String] {
        try await pairs("SHOW GLOBAL STATUS", names)
    }

    private func pairs(_ statement: String, _ names: [String]) async throws(MySQLError) -> [String: String] {
        let list = names.map { "'\($0)'" }.joined(separator: ", ")
        var found: [String: String] = [:]
        for row in try await rows("\(statement) WHERE Variable_name IN (\(list))") {
            if let name = row[0] { found[name] = row[1] }
        }
        return found
    }
}
