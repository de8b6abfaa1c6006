import FedifyKv
import MySQLClient

extension MySQLKvStore {
    /// Does what a caller asks for, unless the store is closed, and tells of it.
    ///
    /// - Parameters:
    ///   - operation: What the caller asks for.
    ///   - size: How many keys, where it takes many.
    ///   - body: The work.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws; `KvError` `closed`.
    func perform<T>(_ operation: StoreOperation, size: Int? = nil, _ body: () async throws -> T) async throws -> T {
        try gate.enter()
        defer { gate.leave() }
        return try await telemetry.observe(operation, size: size, body)
    }

    /// Answers a request: together with others on the first attempt, alone on any further one, so that what fails or
    /// waits for long does so by itself.
    ///
    /// - Parameters:
    ///   - coalescer: Where it meets the others.
    ///   - request: The request.
    ///   - isRepeatable: It may be carried out twice with the same result.
    /// - Returns: The answer.
    /// - Throws: What its execution throws, the client's errors as `KvError`.
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
