/// An error of a text that isn't JSON, and its byte. It contains nothing of the text.
public struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
    /// The reason.
    public let reason: String
    /// The offset of the byte at which it was found.
    public let offset: Int

    /// The reason and the offset.
    public var description: String { "\(reason) at byte \(offset)" }
}
