import FedifyKv
import MySQLClient
import NIOCore

/// The parts that all operations on a table share: its pool, its creation, logs and metrics.
struct TableAccess: Sendable {
    let pool: MySQLPool
    let log: MetadataLogger
    let instrumentation: StoreInstrumentation
    let contended = ContendedKeys()
    /// Whether operations create the table if it doesn't exist.
    var createsTable = true
    /// Creates the table, in one attempt.
    let create: @Sendable (MySQLConnection) async throws(MySQLError) -> Void

    /// Creates the table if it doesn't exist: until the deadline of the operation that needs it; nil: one of its own.
    func create(until deadline: NIODeadline? = nil) async throws {
        try await withConnection(RetryPolicy(createsTable: false), until: deadline, create)
    }

    /// Runs work on a connection of its own, and tries again what may pass.
    func withConnection<T: Sendable>(
        _ policy: RetryPolicy = RetryPolicy(), until deadline: NIODeadline? = nil,
        _ work: @Sendable (MySQLConnection) async throws -> T
    ) async throws -> T {
        var attempts = Attempts(self, policy, deadline: deadline)
        while true {
            do {
                return try await pool.withConnection(until: attempts.deadline, work)
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }
}
