/// The error of every operation of a ``KvStore``: a ``code`` to act on, a ``message`` for people, and the underlying
/// error.
///
/// Neither `message` nor `description` has a key, a value or a password in it; ``underlyingError`` may.
public struct KvError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. Its raw value is stable text, as `fedify-kv pipe` answers it. Further kinds may be added:
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

        /// The key has no components. A mistake in the program: a key needs at least one.
        public static let emptyKey = Code(rawValue: "emptyKey")
        /// The serialized key is longer than the store takes. Use a shorter key, for example a hash of the long part.
        public static let keyTooLong = Code(rawValue: "keyTooLong")
        /// The value is not JSON, or can't be encoded as JSON. A mistake in the program, or input that needs a check.
        public static let invalidValue = Code(rawValue: "invalidValue")
        /// The value is JSON that this store or its server can't keep unchanged, for example nested too deep. Store it
        /// in another form, for example a large number as a string.
        public static let unsupportedValue = Code(rawValue: "unsupportedValue")
        /// The value has more bytes than the store takes. Divide it, or raise the server's limit.
        public static let valueTooLarge = Code(rawValue: "valueTooLarge")
        /// The stored value doesn't decode as the type asked for. Something else wrote it: look at it with the untyped
        /// ``KvStore/get(_:)``.
        public static let decodingFailed = Code(rawValue: "decodingFailed")
        /// The time to live is negative, or ends after the year 9999. Omit it for an entry that should never expire.
        public static let invalidTTL = Code(rawValue: "invalidTTL")
        /// The options of the store or of its connections are wrong; the message says which. Correct them.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")

        // MARK: The store can't be used now

        /// The store can't be reached, or denies access. Nothing was written. Try again later; if it lasts, look at
        /// the network, the address and the user's rights.
        public static let connectionFailed = Code(rawValue: "connectionFailed")
        /// All connections stayed busy until the deadline, or too many operations are queued. Nothing was sent. Try
        /// again later, with fewer operations at a time.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The deadline passed before the operation was done. Try again; a `set` or `delete` may have been carried out,
        /// see ``KvError/mayHaveBeenApplied``.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// The task was cancelled before the operation was done.
        public static let cancelled = Code(rawValue: "cancelled")
        /// The outcome of a compare-and-swap is unknown: it may have been carried out, or may yet be. Read the key to
        /// see, or use ``KvStore/update(_:as:ttl:timeout:valuesAreUnique:isolation:_:)``.
        public static let outcomeUnknown = Code(rawValue: "outcomeUnknown")
        /// A lock was lost while the body of ``KvStore/withLock(_:ttl:timeout:_:)`` ran: it could not be renewed in
        /// time, or was taken away. The body was cancelled; what it did may overlap with the next holder's work.
        public static let lockLost = Code(rawValue: "lockLost")
        /// The server answered with an error that none of the other kinds describes (a missing right, a violated
        /// constraint, a full disk) or that breaks its protocol; or a store failed with an error of its own, see
        /// ``KvError/init(wrapping:)``. The message has the reason. The store doesn't retry it: the same call fails again
        /// until the cause is removed. Whether a write may have been carried out: ``KvError/mayHaveBeenApplied``.
        public static let serverError = Code(rawValue: "serverError")
        /// The store was closed. Nothing was sent.
        public static let closed = Code(rawValue: "closed")
    }

    /// The kind of failure.
    public let code: Code
    /// The reason, the limit, and what to do; without keys, values or passwords.
    public let message: String
    /// Whether the write that failed may have been carried out, or may yet be. After `cas` it is true for
    /// ``Code/outcomeUnknown`` alone.
    public package(set) var mayHaveBeenApplied: Bool
    /// The error that caused this one. It may have more in it than `message` has: look before you log it.
    public let underlyingError: (any Error)?

    /// An error.
    ///
    /// - Parameters:
    ///   - code: The kind of failure.
    ///   - message: For people; without keys, values or passwords.
    ///   - mayHaveBeenApplied: Whether the write may have been carried out; nil: if the code is `outcomeUnknown` or
    ///     `deadlineExceeded`.
    ///   - underlyingError: The error that caused this one.
    public init(
        _ code: Code, _ message: String, mayHaveBeenApplied: Bool? = nil, underlyingError: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.mayHaveBeenApplied = mayHaveBeenApplied ?? [.outcomeUnknown, .deadlineExceeded].contains(code)
        self.underlyingError = underlyingError
    }

    /// Any error as a `KvError`, for authors of stores: a `KvError` stays as it is, a `CancellationError` is
    /// ``Code/cancelled``, and any other is the underlying error of a ``Code/serverError``.
    public init(wrapping error: any Error) {
        switch error {
        case let error as KvError: self = error
        case is CancellationError: self.init(.cancelled, "the task was cancelled", underlyingError: error)
        default: self.init(.serverError, "the store failed with an error of its own", underlyingError: error)
        }
    }

    /// Whether the same call may succeed later: true for `connectionFailed`, `overloaded` and `deadlineExceeded`, false
    /// for all other codes.
    ///
    /// The store has already retried until the deadline, so wait before the next call. It may fail in the same way: a
    /// wrong password is `connectionFailed` too. If ``mayHaveBeenApplied`` is true, the failed `set` or `delete` may have
    /// been carried out; a second call has the same result, and overwrites a write by another caller in between. A `cas`
    /// with one of these codes has changed nothing.
    public var isRetryable: Bool { [.connectionFailed, .overloaded, .deadlineExceeded].contains(code) }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}

extension KvError {
    /// An operation was given a key of no components.
    package static let emptyKey = KvError(.emptyKey, "the key is empty; a key needs at least one component")
}
