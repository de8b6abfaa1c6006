/// What a store throws: a ``code`` to act on, a ``message`` for people, and what lay beneath.
///
/// Neither `message` nor `description` holds a key, a value or a password; `underlying` may know more.
public struct KvError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. Its raw value is stable text, as `fedify-kv pipe` answers it.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The stable name of this kind.
        public let rawValue: String

        /// A kind by its stable name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The stable name.
        public var description: String { rawValue }

        /// The key has no component.
        public static let emptyKey = Code(rawValue: "emptyKey")
        /// The serialized key is longer than the store takes.
        public static let keyTooLong = Code(rawValue: "keyTooLong")
        /// The value is not JSON, or can't be written as JSON.
        public static let invalidValue = Code(rawValue: "invalidValue")
        /// The value is JSON that this store or its server can't keep unchanged.
        public static let unsupportedValue = Code(rawValue: "unsupportedValue")
        /// The value has more bytes than the store takes.
        public static let valueTooLarge = Code(rawValue: "valueTooLarge")
        /// The stored value doesn't decode as the type asked for.
        public static let decodingFailed = Code(rawValue: "decodingFailed")
        /// The time to live is negative, or ends past the year 9999.
        public static let invalidTTL = Code(rawValue: "invalidTTL")
        /// The store's options are wrong, its table name for one.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// The store can't be reached, or doesn't let us in.
        public static let connectionFailed = Code(rawValue: "connectionFailed")
        /// All connections stayed busy until the deadline; nothing was sent.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The deadline passed before the store answered.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// It can't be known whether a compare-and-swap was carried out.
        public static let outcomeUnknown = Code(rawValue: "outcomeUnknown")
        /// The server refused the operation.
        public static let serverError = Code(rawValue: "serverError")
        /// The store was closed.
        public static let closed = Code(rawValue: "closed")
    }

    /// The kind of failure.
    public let code: Code
    /// What was wrong, which limit, and what to do; without keys, values or passwords.
    public let message: String
    /// The error that caused this one. It may name more than `message` does: look before you log it.
    public let underlying: (any Error)?

    /// An error of a kind.
    ///
    /// - Parameters:
    ///   - code: The kind.
    ///   - message: For people; without keys, values or passwords.
    ///   - underlying: What caused it.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}
