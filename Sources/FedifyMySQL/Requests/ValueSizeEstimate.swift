import FedifyKv
import Synchronization

/// The size of a store's values, as recently read. What a batch of gets will be answered with is estimated by it, so that
/// large values are not all asked for at once, over a connection that carries a few of them within the deadline.
final class ValueSizeEstimate: Sendable {
    private let estimate = Atomic<Int>(0)

    /// In bytes.
    var bytes: Int { estimate.load(ordering: .relaxed) }

    /// Values were read: the estimate rises at once, and falls slowly.
    func update(_ values: [JSONValue?]) {
        let bytes = values.reduce(0) { $0 + ($1?.json.utf8.count ?? 0) }
        let average = bytes / max(1, values.count)
        let former = estimate.load(ordering: .relaxed)
        // A value that another thread stores in between is as good.
        estimate.store(max(average, former - former / 8), ordering: .relaxed)
    }
}
