/// What the server sent can't be read, or is more than it may send.
package struct ProtocolError: Error, Equatable, CustomStringConvertible {
    /// What was wrong, without any of the data.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// Fewer columns than the statement has.
    package static let tooFewColumns = ProtocolError("the server sent fewer columns than were asked for")

    /// A packet that ends before what it announces.
    package static let truncated = ProtocolError("the server sent a packet that ends too early")
}
