import FedifyKv
import MySQLClient

/// The attempts at one operation: again where that is safe and may help, until the deadline.
///
/// The rules, for the errors whose numbers are in `ServerErrorCode`:
/// - nothing was sent (`connectionFailed` apart, which the pool deals with), or what was sent was not carried out
///   (`transient`, `notWritable`): again, whatever the operation. After `notWritable` the pool of several servers looks
///   for another;
/// - it may have been carried out (a lost connection, `outcomeUnknown`): again if twice is as good as once, which is so
///   for all but `cas`; that one ends with `KvError.Code.outcomeUnknown`;
/// - the table isn't there: it is made, once;
/// - all else is final: the next attempt would fail as well.
struct Attempts {
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
    /// - Throws: The failure as `KvError`, if there must be no other attempt.
    mutating func pause(after failure: MySQLError) async throws {
        if failure.serverCode == ServerErrorCode.noSuchTable, createsTable {
            createsTable = false
            return try await store.create()
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
        store.telemetry.retried(failure)
        store.log.log(.debug, "operation tried again", [\.attempt: "\(failed)", \.error: "\(failure)"])
        try await Task.sleep(for: pause)
    }
}

extension MySQLError {
    /// It may not happen again on the next attempt.
    fileprivate var mayPass: Bool {
        if code == .connectionLost { return true }
        guard let serverCode else { return false }
        return [ServerErrorCode.transient, ServerErrorCode.notWritable, ServerErrorCode.outcomeUnknown]
            .contains { $0.contains(serverCode) }
    }
}
