/// Promises of ``KvStore`` that a store broke.
///
/// [`FedifyKv`](https://fedify.dev/manual/kv) says what each promise is for; the description names every one that was
/// broken, with what was expected and what was seen.
public struct ContractViolation: Error, Sendable, CustomStringConvertible {
    /// One broken promise, as in "a key that was deleted has no value: expected nil, saw 1".
    public let promises: [String]

    /// A line for each broken promise.
    public var description: String {
        (["the store broke \(promises.count) promises of KvStore:"] + promises).joined(separator: "\n- ")
    }
}
