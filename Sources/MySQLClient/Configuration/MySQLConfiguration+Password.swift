extension MySQLConfiguration {
    /// A password. Descriptions, dumps and logs show a placeholder.
    public struct Password: Sendable, ExpressibleByStringLiteral {
        package let text: String

        /// A password.
        public init(_ text: String) {
            self.text = text
        }

        /// A password.
        public init(stringLiteral value: String) {
            self.init(value)
        }
    }
}

extension MySQLConfiguration.Password: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// A placeholder.
    public var description: String { "<secret>" }
    /// A placeholder.
    public var debugDescription: String { description }
    /// No children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension MySQLConfiguration.Password {
    /// A server's message without the password, which some servers repeat. (A password of one or two characters would
    /// be revealed by the gaps.)
    func removed(from message: String) -> String {
        text.utf8.count < 3 ? message : message.replacing(text, with: "<the password>")
    }
}
