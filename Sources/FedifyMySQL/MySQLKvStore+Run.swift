import FedifyKv
import Logging
import MySQLClient

extension MySQLKvStore {
    /// Answers a request: together with others on the first attempt, alone on any further one, so that what fails or
    /// waits for long does so by itself.
    ///
    /// - Parameters:
    ///   - coalescer: Where it meets the others.
    ///   - request: The request.
    ///   - isRepeatable: It may be carried out twice with the same result.
    /// - Returns: The answer.
    /// - Throws: What its execution throws, the client's errors as ``KvError``.
    func run<Request, Answer>(
        _ coalescer: Coalescer<Request, Answer>, _ request: Request, isRepeatable: Bool = true
    ) async throws -> Answer {
        let isTogether = options.coalescing.isEnabled && request.isCoalescible && !contended.contains(request.key)
        var attempts = Attempts(self, isRepeatable: isRepeatable, key: request.key)
        while true {
            do {
                if isTogether, attempts.failed == 0 {
                    return try await coalescer.answer(request, deadline: attempts.deadline)
                }
                return try await pool.withConnection(deadline: attempts.deadline) { connection in
                    try coalescer.execute([request], connection)[0].get()
                }
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            }
        }
    }

    /// Runs work on a connection.
    func run<T: Sendable>(
        createsTable: Bool = true, _ work: @escaping @Sendable (MySQLConnection) throws -> T
    ) async throws -> T {
        var attempts = Attempts(self, createsTable: createsTable)
        while true {
            do {
                return try await pool.withConnection(deadline: attempts.deadline, work)
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            }
        }
    }
}
