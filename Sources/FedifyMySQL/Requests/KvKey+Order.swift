import FedifyKv

extension [KvKey] {
    /// The indices in the order of the keys; equal keys keep their order.
    var order: [Int] {
        guard let first, count > 1 else { return Array<Int>(indices) }
        // The bytes after the common prefix usually decide.
        let shared = reduce(first.serialized.utf8.count) {
            Swift.min($0, first.serialized.sharedPrefix(with: $1.serialized))
        }
        return enumerated().map { (bytes: $1.serialized.bytes(from: shared), index: $0) }.sorted { left, right in
            if left.bytes != right.bytes { return left.bytes < right.bytes }
            let distance = self[left.index].serialized.compareBytes(with: self[right.index].serialized)
            return distance == 0 ? left.index < right.index : distance < 0
        }.map(\.index)
    }
}
