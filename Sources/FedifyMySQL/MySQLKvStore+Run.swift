import FedifyKv
import Logging
import MySQLClient

extension MySQLKvStore {
    /// Runs the work of an operation on a connection, again where that is safe and may help, until the deadline.
    ///
    /// - Parameters:
    ///   - isRepeatable: The work may be carried out twice with the same result.
    ///   - createsTable: A table that isn't there is made.
    ///   - work: The statements.
    /// - Returns: What the work returns.
    /// - Throws: What the work throws, the client's errors as ``KvError``.
    func run<T: Sendable>(
        isRepeatable: Bool = true,
        createsTable: Bool = true,
        _ work: @escaping @Sendable (MySQLConnection) throws -> T
    ) async throws -> T {
        let deadline = ContinuousClock.now + pool.configuration.deadline
        var attempts = 0
        var mayCreate = createsTable
        while true {
            let failure: MySQLError
            do {
                return try await pool.withConnection(deadline: deadline, work)
            } catch let error as MySQLError {
                failure = error
            }
            if failure.serverCode == ServerErrorCode.noSuchTable, mayCreate {
                mayCreate = false
                try await initialize()
                continue
            }
            guard isRepeatable || !failure.mayHaveBeenApplied, failure.mayPass else {
                throw KvError(failure, isRepeatable: isRepeatable)
            }
            attempts += 1
            // Full jitter: callers that met in a deadlock must not meet again.
            let pause = Duration.milliseconds(Int.random(in: 0...min(250, 2 << min(attempts, 7))))
            guard .now + pause < deadline else {
                throw KvError(
                    .deadlineExceeded,
                    "\(attempts) attempts failed before the deadline, the last with: \(failure.detail)",
                    underlying: failure)
            }
            logger?.debug("operation tried again", metadata: ["attempt": "\(attempts)", "error": "\(failure)"])
            try await Task.sleep(for: pause)
        }
    }
}

extension MySQLError {
    /// It may not happen again on the next attempt.
    fileprivate var mayPass: Bool {
        if code == .connectionLost { return true }
        return serverCode.map(ServerErrorCode.transient.contains) ?? false
    }
}
