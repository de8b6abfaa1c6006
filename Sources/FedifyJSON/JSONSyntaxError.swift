/// What is wrong with a text that isn't JSON, and at which byte. It shows nothing of the text.
public struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    public let reason: String
    /// The offset of the byte at which it was found.
    public let offset: Int

    /// The reason and the offset.
    public var description: String { "\(reason) at byte \(offset)" }
}
