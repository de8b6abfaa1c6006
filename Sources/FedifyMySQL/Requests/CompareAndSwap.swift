import FedifyKv
import MySQLClient

/// A compare-and-swap that a caller asks for.
struct CompareAndSwap: StoreRequest {
    let key: KvKey
    let expected: ValidatedValue?
    let new: ValidatedValue?
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    /// It can be decided together with others: its row is there, or its answer is no. (A row that isn't there can't be
    /// locked.)
    var isCoalescible: Bool { expected != nil && new != nil }
}
