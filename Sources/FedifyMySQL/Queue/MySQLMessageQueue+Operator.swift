package import FedifyMQ
package import MySQLClient

extension MySQLMessageQueue {
    /// Runs statements of an operator. A missing table is an error, and is not created.
    ///
    /// - Parameter work: The statements. They may be repeated after a failure that passes.
    /// - Returns: What the work returns.
    /// - Throws: `MQError`.
    package func withConnection<T: Sendable>(
        _ work: @Sendable (MySQLConnection) async throws -> T
    ) async throws(MQError) -> T {
        try await perform { try await self.access.withConnection(RetryPolicy(createsTable: false), work) }
    }

    /// Runs statements on the table of dead messages. Without the table, no message has died yet.
    ///
    /// - Parameters:
    ///   - none: The result without the table.
    ///   - work: The statements. They may be repeated after a failure that passes.
    /// - Returns: What the work returns.
    /// - Throws: `MQError`.
    package func withDeadTable<T: Sendable>(
        _ none: T, _ work: @Sendable (MySQLConnection) async throws -> T
    ) async throws(MQError) -> T {
        try await withConnection { connection in
            do {
                return try await work(connection)
            } catch let error as MySQLError where error.serverCode == ServerErrorCode.noSuchTable {
                return none
            }
        }
    }
}
