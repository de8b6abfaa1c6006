import FedifyKv
import MySQLClient

/// A compare-and-swap request.
struct CompareAndSwap: StoreRequest {
    let key: KvKey
    let expected: ValidatedValue?
    let new: ValidatedValue?
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    /// Whether it can be decided in a batch: its row must exist for a positive answer. (A missing row can't be locked.)
    var isCoalescible: Bool { expected != nil && new != nil }
}
