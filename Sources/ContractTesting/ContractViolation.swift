/// Promises of a contract that were broken. The description has a line for each, with what was expected and what was
/// seen.
public struct ContractViolation: Error, Sendable, CustomStringConvertible {
    /// The broken promises, each as in "a key that was deleted has no value: expected nil, saw 1".
    public let promises: [String]
    private let title: String

    /// Broken promises of a contract; the title names it and the side that broke it, as in "KvStore that the store
    /// broke".
    package init(title: String, promises: [String]) {
        self.title = title
        self.promises = promises
    }

    /// A line for each broken promise.
    public var description: String {
        (["promises of \(title) (\(promises.count)):"] + promises).joined(separator: "\n- ")
    }
}
