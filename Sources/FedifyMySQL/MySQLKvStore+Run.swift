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

/// The attempts at one operation: again where that is safe and may help, until the deadline.
private struct Attempts {
    let deadline: ContinuousClock.Instant
    private(set) var failed = 0
    private let store: MySQLKvStore
    /// The operation may be carried out twice with the same result.
    private let isRepeatable: Bool
    /// The key that it is about.
    private let key: KvKey?
    /// A table that isn't there is made.
    private var createsTable: Bool

    init(_ store: MySQLKvStore, isRepeatable: Bool = true, createsTable: Bool = true, key: KvKey? = nil) {
        self.store = store
        self.isRepeatable = isRepeatable
        self.createsTable = createsTable
        self.key = key
        deadline = .now + store.pool.configuration.deadline
    }

    /// Waits for the next attempt, after one that failed.
    ///
    /// - Parameter failure: What it failed with.
    /// - Throws: The failure as ``KvError``, if there must be no other attempt.
    mutating func pause(after failure: MySQLError) async throws {
        if failure.serverCode == ServerErrorCode.noSuchTable, createsTable {
            createsTable = false
            return try await store.initialize()
        }
        guard isRepeatable || !failure.mayHaveBeenApplied, failure.mayPass else {
            throw KvError(failure, isRepeatable: isRepeatable)
        }
        if let key, failed > 0, failure.serverCode == ServerErrorCode.lockWaitTimeout { store.contended.insert(key) }
        failed += 1
        // Full jitter: callers that met in a deadlock must not meet again.
        let pause = Duration.milliseconds(Int.random(in: 0...min(250, 2 << min(failed, 7))))
        guard .now + pause < deadline else {
            throw KvError(
                .deadlineExceeded,
                "\(failed) attempts failed before the deadline, the last with: \(failure.detail)",
                underlying: failure)
        }
        store.logger?.debug("operation tried again", metadata: ["attempt": "\(failed)", "error": "\(failure)"])
        try await Task.sleep(for: pause)
    }
}

extension MySQLError {
    /// It may not happen again on the next attempt.
    fileprivate var mayPass: Bool {
        if code == .connectionLost { return true }
        guard let serverCode else { return false }
        return ServerErrorCode.transient.contains(serverCode) || ServerErrorCode.notWritable.contains(serverCode)
    }
}
