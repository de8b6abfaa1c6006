import MySQLClient

/// The table and its index.
struct Schema: Sendable {
    let statements: Statements
    let tableName: String

    init(_ statements: Statements, _ options: MySQLKvStoreOptions) {
        self.statements = statements
        tableName = options.tableName
    }

    func exists(on connection: MySQLConnection) async throws(MySQLError) -> Bool {
        try await find(on: connection) != nil
    }

    /// Whether the table has its index; nil if there is no table.
    private func find(on connection: MySQLConnection) async throws(MySQLError) -> Bool? {
        let parameters = [tableName, statements.indexName, tableName].map(MySQLParameter.text)
        return try await connection.rows(Statements.findTable, parameters).rows.first.map { $0.integer(1) != nil }
    }

    /// Creates the table and index if they don't exist. It checks first, since even `IF NOT EXISTS` requires the right
    /// to create.
    func create(on connection: MySQLConnection) async throws(MySQLError) {
        let hasIndex = try await find(on: connection)
        do throws(MySQLError) {
            switch hasIndex {
            case nil: _ = try await connection.rows(statements.createTable, [], .write)
            // @fedify/mysql creates the index after the table, and may have been stopped in between.
            case false: _ = try await connection.rows(statements.createIndex, [], .write)
            case true: break
            }
        } catch {
            let isThere =
                error.serverCode == ServerErrorCode.tableExists || error.serverCode == ServerErrorCode.duplicateIndex
            // Another process has created it.
            if !isThere { throw error }
        }
    }
}
