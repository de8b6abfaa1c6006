import MySQLProtocol

/// An error of the client: a ``code`` to act on, a ``message`` for people, and the server's error number, if any.
///
/// No part of it holds a password or a bound parameter.
public struct MySQLError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The stable name of this kind.
        public let rawValue: String

        /// A kind by its stable name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The stable name.
        public var description: String { rawValue }

        /// The URL or configuration is wrong.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// No connection could be opened: the network, or a server that isn't ready. It may succeed later.
        public static let connectionFailed = Code(rawValue: "connectionFailed")
        /// Access denied for this user or database.
        public static let accessDenied = Code(rawValue: "accessDenied")
        /// The connection can't be as secure as required, or the server requests the password in a way that would
        /// reveal it.
        public static let insecure = Code(rawValue: "insecure")
        /// The connection broke.
        public static let connectionLost = Code(rawValue: "connectionLost")
        /// The deadline passed before the server answered.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// No connection became free in time; nothing was sent.
        public static let acquisitionTimedOut = Code(rawValue: "acquisitionTimedOut")
        /// Too many operations are queued; nothing was sent.
        public static let tooManyQueuedOperations = Code(rawValue: "tooManyQueuedOperations")
        /// The server refused the statement; see ``MySQLError/serverCode``.
        public static let server = Code(rawValue: "server")
        /// A statement or a row exceeds the maximum packet size.
        public static let packetTooLarge = Code(rawValue: "packetTooLarge")
        /// The server violated the protocol.
        public static let protocolViolation = Code(rawValue: "protocolViolation")
        /// The pool was closed.
        public static let closed = Code(rawValue: "closed")
    }

    /// The kind of failure.
    public let code: Code
    /// The reason and what to do.
    public let message: String
    /// The server's error number.
    public let serverCode: UInt32?
    /// The five characters of the SQL standard's error class.
    public let sqlState: String?
    /// The statement was sent; the server may have applied it, or may still do so.
    public let mayHaveBeenApplied: Bool

    /// An error of a kind.
    public init(
        _ code: Code, _ message: String, serverCode: UInt32? = nil, sqlState: String? = nil,
        mayHaveBeenApplied: Bool = false
    ) {
        self.code = code
        self.message = message
        self.serverCode = serverCode
        self.sqlState = sqlState
        self.mayHaveBeenApplied = mayHaveBeenApplied
    }

    /// An error packet as the answer to a statement. `changesData`: whether the statement changes data.
    init(
        _ packet: ErrorPacket, changesData: Bool, parameters: [MySQLParameter] = [],
        password: MySQLConfiguration.Password
    ) {
        let message = password.removed(from: packet.message)
        let code = UInt32(packet.code)
        let isLost = ServerErrorCode.endsConnection.contains(code)
        self.init(
            isLost ? .connectionLost : .server,
            isLost ? Self.connectionLost.message : Self.withoutData(message, code, parameters),
            serverCode: code, sqlState: packet.sqlState.escaped(limit: 5),
            mayHaveBeenApplied: changesData && ServerErrorCode.outcomeUnknown.contains(code))
    }

    /// The server's message without quoted keys and values.
    private static func withoutData(_ message: String, _ code: UInt32, _ parameters: [MySQLParameter]) -> String {
        let quotesParameter = parameters.contains {
            guard case .text(let text) = $0 else { return false }
            return text.utf8.count > 2 && message.contains(text.prefix(16))
        }
        guard quotesParameter || ServerErrorCode.quotesData.contains(code) else { return message.escaped() }
        let start = message.firstIndex { $0 == "'" || $0 == "\"" } ?? message.startIndex
        return message[..<start].description.escaped() + "<quoted data omitted>"
    }

    /// The network, or the server, closed the connection.
    static let connectionLost = MySQLError(.connectionLost, "the connection to the server was lost")

    /// The server did not answer in time.
    package static func deadlineExceeded(mayHaveBeenApplied: Bool) -> MySQLError {
        MySQLError(
            .deadlineExceeded, "the server did not answer before the deadline", mayHaveBeenApplied: mayHaveBeenApplied)
    }

    /// The code, the message and the server's numbers.
    public var description: String { "\(code): \(detail)" }

    /// The message and the server's numbers.
    package var detail: String {
        guard let serverCode else { return message }
        return "\(message) (error \(serverCode), SQLSTATE \(sqlState ?? "unknown"))"
    }
}
