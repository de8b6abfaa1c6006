/// The server violated the protocol or exceeded a limit.
package struct ProtocolError: Error, Equatable, CustomStringConvertible {
    /// The reason, without any of the data.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// Fewer columns than the statement has.
    package static let tooFewColumns = ProtocolError("the server sent fewer columns than requested")

    /// A truncated packet.
    package static let truncated = ProtocolError("the server sent a packet that ends too early")
}
