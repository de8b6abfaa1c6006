import FedifyMQ
import MySQLClient

/// The queue's tables.
struct QueueSchema: Sendable {
    let statements: QueueStatements
    let tableName: String

    /// The names of the table's columns; none: there is no table.
    private func columns(on connection: MySQLConnection) async throws(MySQLError) -> Set<String> {
        let rows = try await connection.rows(QueueStatements.columns, [.text(tableName)], maximumRows: 4096).rows
        return Set(rows.compactMap { $0.text(0)?.lowercased() })
    }

    /// Whether the table counts attempts; nil: there is no table.
    func countsAttempts(on connection: MySQLConnection) async throws(MySQLError) -> Bool? {
        let columns = try await columns(on: connection)
        return columns.isEmpty ? nil : columns.isSuperset(of: ["attempts", "last_error"])
    }

    /// Creates the table if it doesn't exist. It checks first, since even `IF NOT EXISTS` requires the right to create.
    func create(on connection: MySQLConnection) async throws(MySQLError) {
        if try await columns(on: connection).isEmpty {
            _ = try await connection.rows(statements.createTable, [], .write)
        }
    }

    /// Creates the table of dead messages if it doesn't exist.
    func createDeadTable(on connection: MySQLConnection) async throws(MySQLError) {
        let isThere = try await connection.rows(QueueStatements.tableExists, [.text(tableName + "_dead")]).rows
        if isThere.isEmpty { _ = try await connection.rows(statements.createDeadTable, [], .write) }
    }

    /// Adds the columns that a table made by another program lacks.
    func upgrade(on connection: MySQLConnection) async throws(MySQLError) {
        let columns = try await columns(on: connection)
        for definition in QueueStatements.countingColumns.split(separator: ", ") {
            let name = definition.dropFirst().prefix { $0 != "`" }
            guard !columns.contains(String(name)) else { continue }
            do throws(MySQLError) {
                _ = try await connection.rows(statements.addColumn(definition), [], .write)
            } catch {
                // Another process has added it.
                guard error.serverCode == ServerErrorCode.duplicateColumn else { throw error }
            }
        }
    }
}
