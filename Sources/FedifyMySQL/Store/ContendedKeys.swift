import FedifyKv
import NIOConcurrencyHelpers
import MySQLClient
import Synchronization

/// Keys whose rows another transaction has kept locked. Their operations are sent individually for a while, since a
/// statement waits for all of its rows.
final class ContendedKeys: Sendable {
    private static let limit = 1024

    private let keys = NIOLockedValueBox<[KvKey: ContinuousClock.Instant]>([:])
    private let isEmpty = Atomic(true)

    /// The key's row was locked for too long.
    func insert(_ key: KvKey) {
        keys.withLockedValue { keys in
            let now = ContinuousClock.now
            if keys.count >= Self.limit { keys = keys.filter { $0.value > now } }
            if keys.count < Self.limit { keys[key] = now + .seconds(5) }
            isEmpty.store(keys.isEmpty, ordering: .releasing)
        }
    }

    func contains(_ key: KvKey) -> Bool {
        // Usually there is none.
        if isEmpty.load(ordering: .acquiring) { return false }
        return keys.withLockedValue { keys in
            guard let end = keys[key] else { return false }
            if end > .now { return true }
            keys[key] = nil
            isEmpty.store(keys.isEmpty, ordering: .releasing)
            return false
        }
    }
}
