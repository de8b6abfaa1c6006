/// Promises of `KvStore` that a store broke. The description has a line for each, with what was expected and what was
/// seen.
public struct ContractViolation: Error, Sendable, CustomStringConvertible {
    /// The broken promises, each as in "a key that was deleted has no value: expected nil, saw 1".
    public let promises: [String]

    /// A line for each broken promise.
    public var description: String {
        (["promises of KvStore that the store broke (\(promises.count)):"] + promises).joined(separator: "\n- ")
    }
}
