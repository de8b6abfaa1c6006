import FedifyKv
import MySQLClient
import NIOCore

/// The attempts at an operation, according to the ``RetryPolicy``, until the deadline.
struct Attempts {
    let deadline: NIODeadline
    private(set) var failed = 0
    private let table: TableAccess
    private var policy: RetryPolicy
    /// The failure of the attempt before the last one.
    private var formerFailure: MySQLError?
    /// An attempt may have been carried out.
    private var mayHaveBeenApplied = false
    /// The key of the operation.
    private let key: KvKey?

    /// - Parameters:
    ///   - table: The table.
    ///   - policy: What is tried again.
    ///   - key: The key of the operation, if it has only one.
    ///   - deadline: That of the operation; nil: the configuration's `operationTimeout` from now.
    init(
        _ table: TableAccess, _ policy: RetryPolicy = RetryPolicy(), key: KvKey? = nil, deadline: NIODeadline? = nil
    ) {
        self.table = table
        self.policy = policy
        self.policy.createsTable = policy.createsTable && table.createsTable
        self.key = key
        self.deadline = deadline ?? .now() + TimeAmount(of: table.pool.configuration.operationTimeout)
    }

    /// Waits before the next attempt.
    ///
    /// - Parameter failure: The failure of the last attempt.
    /// - Throws: The failure as a `KvError`, if it must not be retried.
    mutating func pause(after failure: MySQLError) async throws {
        switch policy.decision(after: failure, failed: failed) {
        case .createTable:
            policy.createsTable = false
            return try await table.create(until: deadline)
        case .fail: throw error(failure)
        case .retry(let longestPause):
            if let key, failed > 0, failure.serverCode == ServerErrorCode.lockWaitTimeout {
                table.contended.insert(key)
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
            table.instrumentation.retried(failure)
            table.log.log(.debug, "operation retried", [\.attempt: "\(failed)", \.error: "\(failure)"])
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

    /// The error for the caller after the last attempt.
    private func error(_ failure: MySQLError) -> KvError {
        var error = KvError(failure, isRepeatable: policy.isRepeatable)
        error.mayHaveBeenApplied = failure.mayHaveBeenApplied || mayHaveBeenApplied
        // The timeout of the last attempt is not the whole reason, and the former one may have written.
        guard let formerFailure, formerFailure.code == .server || formerFailure.mayHaveBeenApplied,
            [.connectionFailed, .acquisitionTimedOut, .deadlineExceeded].contains(failure.code),
            error.code != .outcomeUnknown
        else { return error }
        return KvError(
            .deadlineExceeded, "an attempt failed with: \(formerFailure.detail); the next one: \(error.message)",
            mayHaveBeenApplied: error.mayHaveBeenApplied, underlyingError: formerFailure)
    }
}
