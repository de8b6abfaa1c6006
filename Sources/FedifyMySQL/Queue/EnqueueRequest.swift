import FedifyJSON
import FedifyMQ
@_spi(Scheduling) import MySQLClient

/// A message to be enqueued.
struct EnqueueRequest: LaneRequest {
    let id: String
    let message: JSONValue
    let summary: JSONSummary
    /// Microseconds.
    let delay: Int64
    let orderingKey: String?
    /// An attempt before this one may have been carried out.
    var isRepeated = false

    var size: Int { summary.byteCount + 96 + (orderingKey?.utf8.count ?? 0) }

    var parameters: [MySQLParameter] {
        [.text(id), .text(message.json), .integer(delay), orderingKey.map(MySQLParameter.text) ?? .null]
    }

    /// Throws if this server would alter the message, or could not return it.
    func check(for connection: MySQLConnection) throws(MQError) {
        let dialect = Dialect(connection.server)
        guard dialect.keeps(summary) else {
            throw MQError(
                .unsupportedMessage,
                "the message has a number that MySQL would round: it keeps integers of 64 bits and doubles; write the "
                    + "number as a string")
        }
        let (overhead, limit) = (ValidatedValue.packetOverhead, connection.server.maximumPacketSize)
        guard dialect.readSize(summary) + (orderingKey?.utf8.count ?? 0) + overhead <= limit else {
            throw MQError(
                .messageTooLarge,
                "the message has \(summary.byteCount) bytes; with its key it must stay \(overhead) below \(limit), the "
                    + "lower of the server's max_allowed_packet and the client's maximumPacketSize")
        }
    }
}

/// Enqueues messages.
struct EnqueueRunner: Sendable {
    typealias Pending = PendingRequest<EnqueueRequest, Void>
    typealias Answers = [Result<Void, any Error>]

    let statements: QueueStatements

    // MARK: - Messages of several callers

    /// Enqueues a batch, with a result for each message.
    func enqueue(_ requests: [Pending], on connection: MySQLConnection, _ done: @escaping (Answers) -> Void) {
        var answers: Answers = requests.map { pending in
            Result { () throws(MQError) in try pending.request.check(for: connection) }
        }
        let sound = answers.indices.filter { if case .success = answers[$0] { true } else { false } }
        insertEach(sound.map { requests[$0] }[...], on: connection) { inserted in
            for (index, answer) in zip(sound, inserted) { answers[index] = answer }
            done(answers)
        }
    }

    /// Inserts in statements of few sizes.
    private func insertEach(
        _ requests: ArraySlice<Pending>, on connection: MySQLConnection, _ done: @escaping (Answers) -> Void
    ) {
        guard !requests.isEmpty else { return done([]) }
        let count = BatchSize.bucket(notAbove: requests.count)
        bisecting(requests.prefix(count)) { requests, done in
            insert(requests, on: connection) { result in done(result.map { _ in requests.map { _ in .success(()) } }) }
        } done: { answers in
            guard requests.count > count else { return done(answers) }
            insertEach(requests.dropFirst(count), on: connection) { done(answers + $0) }
        }
    }

    private func insert(
        _ requests: ArraySlice<Pending>, on connection: MySQLConnection,
        _ done: @escaping (Result<UInt64, MySQLError>) -> Void
    ) {
        let handler = connection.handler
        handler.withStatement(statements.insert(rows: requests.count), .write) { statement in
            execute(statement, done) { statement in
                handler.execute(statement, requests.flatMap(\.request.parameters), .write) { result in
                    guard case .failure(let error) = result, error.serverCode == ServerErrorCode.duplicateKey,
                        requests.first?.request.isRepeated == true
                    else { return done(result) }
                    // The attempt whose answer was lost has inserted it.
                    done(.success(0))
                }
            }
            handler.flush()
        }
    }

    // MARK: - Many messages of one caller

    /// Enqueues all messages, or none.
    func enqueueAll(_ messages: [EnqueueRequest], on connection: MySQLConnection) async throws {
        for message in messages { try message.check(for: connection) }
        do {
            var rest = messages[...]
            if rest.count <= Self.longestStatement, BatchSize.bucket(notAbove: rest.count) == rest.count,
                rest.reduce(0, { $0 + $1.size }) <= connection.handler.statementSize
            {
                return try await insert(rest, on: connection)
            }
            try await connection.transaction {
                while !rest.isEmpty {
                    let count = BatchSize.bucket(notAbove: min(rest.count, Self.longestStatement))
                    try await insert(rest.prefix(count), on: connection)
                    rest = rest.dropFirst(count)
                }
            }
        } catch let error as MySQLError
            where error.serverCode == ServerErrorCode.duplicateKey && messages.first?.isRepeated == true
        {
            // The attempt whose answer was lost has inserted them all.
        }
    }

    /// In rows.
    private static let longestStatement = 256

    private func insert(_ messages: ArraySlice<EnqueueRequest>, on connection: MySQLConnection) async throws {
        let bytes = messages.reduce(0) { $0 + $1.size }
        if bytes > connection.handler.statementSize, messages.count > 1 {
            let middle = messages.startIndex + messages.count / 2
            try await insert(messages[..<middle], on: connection)
            return try await insert(messages[middle...], on: connection)
        }
        _ = try await connection.rows(
            statements.insert(rows: messages.count), messages.flatMap(\.parameters), .write)
    }
}
