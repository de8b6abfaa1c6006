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
        return try await attempt(isRepeatable: isRepeatable, key: request.key) { attempts, deadline in
            if isTogether, attempts == 0 { return try await coalescer.answer(request, deadline: deadline) }
            return try await self.pool.withConnection(deadline: deadline) { connection in
                try coalescer.execute([request], connection)[0].get()
            }
        }
    }

    /// Runs work on a connection.
    func run<T: Sendable>(
        createsTable: Bool = true, _ work: @escaping @Sendable (MySQLConnection) throws -> T
    ) async throws -> T {
        try await attempt(createsTable: createsTable) { _, deadline in
            try await self.pool.withConnection(deadline: deadline, work)
        }
    }

    /// Tries an operation, again where that is safe and may help, until the deadline.
    ///
    /// - Parameters:
    ///   - isRepeatable: It may be carried out twice with the same result.
    ///   - createsTable: A table that isn't there is made.
    ///   - key: The key that it is about.
    ///   - operation: Is told how many attempts there were, and the deadline.
    /// - Returns: What the operation returns.
    /// - Throws: What the operation throws, the client's errors as ``KvError``.
    private func attempt<T: Sendable>(
        isRepeatable: Bool = true, createsTable: Bool = true, key: KvKey? = nil,
        _ operation: (Int, ContinuousClock.Instant) async throws -> T
    ) async throws -> T {
        let deadline = ContinuousClock.now + pool.configuration.deadline
        var attempts = 0
        var mayCreate = createsTable
        while true {
            let failure: MySQLError
            do {
                return try await operation(attempts, deadline)
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
            if let key, attempts > 0, failure.serverCode == ServerErrorCode.lockWaitTimeout { contended.insert(key) }
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
