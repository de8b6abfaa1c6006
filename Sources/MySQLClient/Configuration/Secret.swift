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

extension Secret {
    /// A text of a server's without the secret, which some servers repeat. (One of one or two characters would be told by
    /// what is left out.)
    func removed(from message: String) -> String {
        text.utf8.count < 3 ? message : message.replacing(text, with: "<the password>")
    }
}
