/// Text that no description, dump or log line shows: a password.
public struct Secret: Sendable, ExpressibleByStringLiteral {
    package let text: String

    /// Wraps a secret.
    public init(_ text: String) {
        self.text = text
    }

    /// Wraps a secret.
    public init(stringLiteral value: String) {
        self.init(value)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// A placeholder.
    public var description: String { "<secret>" }
    /// A placeholder.
    public var debugDescription: String { description }
    /// Nothing to look into.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
