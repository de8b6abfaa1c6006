/// A violated property.
public struct Finding: Error, CustomStringConvertible {
    /// The property.
    public let description: String
}

/// - Throws: ``Finding`` if the condition doesn't hold.
func expect(_ condition: Bool, _ description: @autoclosure () -> String) throws(Finding) {
    if !condition { throw Finding(description: description()) }
}
