import FedifyKv
import Synchronization

/// The size of a store's values, as recently read. It estimates the size of the answer to a batch of gets, so that a
/// slow connection is not asked for more large values than it can carry within the deadline.
final class ValueSizeEstimate: Sendable {
    private let estimate = Atomic<Int>(0)

    /// In bytes.
    var bytes: Int { estimate.load(ordering: .relaxed) }

    /// Values were read: the estimate rises immediately and falls slowly.
    func update(_ values: [JSONValue?]) {
        let bytes = values.reduce(0) { $0 + ($1?.json.utf8.count ?? 0) }
        let average = bytes / max(1, values.count)
        let former = estimate.load(ordering: .relaxed)
        // A value that another thread stores in between is just as good.
        estimate.store(max(average, former - former / 8), ordering: .relaxed)
    }
}
