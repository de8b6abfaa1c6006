/// The error of every operation of a ``MessageQueue``: a ``code`` to act on, a ``message`` for people, and the
/// underlying error.
///
/// Neither `message` nor `description` has a message, an ordering key or a password in it; ``underlyingError`` may.
public struct MQError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. Its raw value is stable text, as `fedify-mq pipe` answers it. Further kinds may be added:
    /// have a `default` in a `switch`.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The stable name of this kind.
        public let rawValue: String

        /// A kind by its stable name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The stable name.
        public var description: String { rawValue }

        // MARK: The call is wrong

        /// The message is not JSON, or can't be encoded as JSON.
        public static let invalidMessage = Code(rawValue: "invalidMessage")
        /// The message is JSON that the queue's server can't keep unchanged, for example nested too deep.
        public static let unsupportedMessage = Code(rawValue: "unsupportedMessage")
        /// The message has more bytes than the queue takes. Store it elsewhere, and enqueue where it is.
        public static let messageTooLarge = Code(rawValue: "messageTooLarge")
        /// The ordering key can't be kept or locked by the server; the message says why. Use another one, for example a
        /// hash of it.
        public static let invalidOrderingKey = Code(rawValue: "invalidOrderingKey")
        /// The delay is negative, or ends after the year 9999.
        public static let invalidDelay = Code(rawValue: "invalidDelay")
        /// The options are wrong; the message says which.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// The message doesn't decode as the type asked for. Only handlers fail with it.
        public static let decodingFailed = Code(rawValue: "decodingFailed")

        // MARK: The queue can't be used now

        /// The queue can't be reached, or denies access. Nothing was written.
        public static let connectionFailed = Code(rawValue: "connectionFailed")
        /// All connections stayed busy until the deadline, or too many operations are queued. Nothing was sent.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The deadline passed before the operation was done; see ``MQError/mayHaveBeenApplied``.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// The task was cancelled before the operation was done.
        public static let cancelled = Code(rawValue: "cancelled")
        /// The message belongs to another handler by now: its lease ended before this one had.
        public static let leaseLost = Code(rawValue: "leaseLost")
        /// The server refused the operation; the message has its reason. Trying again is of no use.
        public static let serverError = Code(rawValue: "serverError")
        /// The queue was closed. Nothing was sent.
        public static let closed = Code(rawValue: "closed")
    }

    /// The kind of failure.
    public let code: Code
    /// The reason, the limit, and what to do; without messages, ordering keys or passwords.
    public let message: String
    /// Whether what failed may have been carried out, or may yet be.
    public let mayHaveBeenApplied: Bool
    /// The error that caused this one. It may have more in it than `message` has: look before you log it.
    public let underlyingError: (any Error)?

    /// An error.
    ///
    /// - Parameters:
    ///   - code: The kind of failure.
    ///   - message: For people; without messages, ordering keys or passwords.
    ///   - mayHaveBeenApplied: Whether it may have been carried out; nil: if the code is `deadlineExceeded`.
    ///   - underlyingError: The error that caused this one.
    public init(
        _ code: Code, _ message: String, mayHaveBeenApplied: Bool? = nil, underlyingError: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.mayHaveBeenApplied = mayHaveBeenApplied ?? (code == .deadlineExceeded)
        self.underlyingError = underlyingError
    }

    /// Whether the same operation may succeed when it is tried again: after `connectionFailed`, `overloaded` and
    /// `deadlineExceeded`. After the last one, messages that were enqueued again may be there twice.
    public var isRetryable: Bool { [.connectionFailed, .overloaded, .deadlineExceeded].contains(code) }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}
