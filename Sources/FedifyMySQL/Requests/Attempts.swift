import FedifyKv
import MySQLClient
import NIOCore

/// The attempts at one operation, by the ``RetryPolicy``, until the deadline.
struct Attempts {
    let deadline: NIODeadline
    private(set) var failed = 0
    private let store: MySQLKvStore
    private var policy: RetryPolicy
    /// What the attempt before the last one failed with.
    private var formerFailure: MySQLError?
    /// An attempt may have been carried out.
    private var mayHaveBeenApplied = false
    /// The key that it is about.
    private let key: KvKey?

    init(_ store: MySQLKvStore, _ policy: RetryPolicy = RetryPolicy(), key: KvKey? = nil) {
        self.store = store
        self.policy = policy
        self.key = key
        deadline = .now() + TimeAmount(of: store.pool.configuration.operationTimeout)
    }

    /// Waits for the next attempt, after one that failed.
    ///
    /// - Parameter failure: What it failed with.
    /// - Throws: The failure as `KvError`, if there must be no other attempt.
    mutating func pause(after failure: MySQLError) async throws {
        switch policy.decision(after: failure, failed: failed) {
        case .createTable:
            policy.createsTable = false
            return try await store.create()
        case .fail: throw error(failure)
        case .retry(let longestPause):
            if let key, failed > 0, failure.serverCode == ServerErrorCode.lockWaitTimeout {
                store.contended.insert(key)
            }
            failed += 1
            formerFailure = failure
            mayHaveBeenApplied = mayHaveBeenApplied || failure.mayHaveBeenApplied
            let pause = TimeAmount.milliseconds(Int64.random(in: 0...Int64(longestPause)))
            guard .now() + pause < deadline else {
                throw KvError(
                    .deadlineExceeded,
                    "\(failed) attempts failed before the deadline, the last with: \(failure.detail)",
                    mayHaveBeenApplied: mayHaveBeenApplied, underlyingError: failure)
            }
            store.instrumentation.retried(failure)
            store.log.log(.debug, "operation tried again", [\.attempt: "\(failed)", \.error: "\(failure)"])
            do {
                try await Task.sleep(for: .nanoseconds(pause.nanoseconds))
            } catch {
                throw cancelled
            }
        }
    }

    /// The task was cancelled.
    var cancelled: KvError {
        KvError(.cancelled, "the task was cancelled", mayHaveBeenApplied: mayHaveBeenApplied)
    }

    /// What the caller is told of a failure after which there is no other attempt.
    private func error(_ failure: MySQLError) -> KvError {
        var error = KvError(failure, isRepeatable: policy.isRepeatable)
        error.mayHaveBeenApplied = failure.mayHaveBeenApplied || mayHaveBeenApplied
        // That the next attempt did not come to its end is not the whole reason, and the former may have written.
        guard let formerFailure, formerFailure.code == .server || formerFailure.mayHaveBeenApplied,
            [.connectionFailed, .acquisitionTimedOut, .deadlineExceeded].contains(failure.code),
            error.code != .outcomeUnknown
        else { return error }
        return KvError(
            .deadlineExceeded, "an attempt failed with: \(formerFailure.detail); the next one: \(error.message)",
            mayHaveBeenApplied: error.mayHaveBeenApplied, underlyingError: formerFailure)
    }
}
