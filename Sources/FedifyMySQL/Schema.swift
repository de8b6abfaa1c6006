import MySQLClient

/// The table and its index.
struct Schema: Sendable {
    private static let tableExists: UInt32 = 1050

    let statements: Statements
    let tableName: String

    init(_ statements: Statements, _ options: MySQLKvStoreOptions) {
        self.statements = statements
        tableName = options.tableName
    }

    func exists(on connection: MySQLConnection) throws(MySQLError) -> Bool {
        try find(on: connection) != nil
    }

    /// Whether the table has its index; nil if there is no table.
    private func find(on connection: MySQLConnection) throws(MySQLError) -> Bool? {
        var hasIndex: Bool?
        try connection.query(Statements.findTable, [.text(tableName), .text(statements.indexName), .text(tableName)]) {
            hasIndex = $0.integer(1) != nil
        }
        return hasIndex
    }

    /// Makes what isn't there. It looks first: even `IF NOT EXISTS` needs the right to create.
    func create(on connection: MySQLConnection) throws(MySQLError) {
        let hasIndex = try find(on: connection)
        do throws(MySQLError) {
            switch hasIndex {
            case nil: try connection.query(statements.createTable)
            // @fedify/mysql makes the index after the table, and may have been stopped in between.
            case false: try connection.query(statements.createIndex)
            case true: break
            }
        } catch {
            let isThere = error.serverCode == Self.tableExists || error.serverCode == ServerErrorCode.duplicateIndex
            // Another process made it meanwhile.
            if !isThere { throw error }
        }
    }
}
