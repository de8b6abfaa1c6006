/// What a check found wrong with the code.
public struct Finding: Error, CustomStringConvertible {
    /// What should hold and doesn't.
    public let description: String
}

/// - Throws: ``Finding`` if the condition doesn't hold.
func expect(_ condition: Bool, _ description: @autoclosure () -> String) throws(Finding) {
    if !condition { throw Finding(description: description()) }
}
