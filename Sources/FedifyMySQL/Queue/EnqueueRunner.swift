import FedifyMQ
@_spi(Scheduling) import MySQLClient
import MySQLProtocol

/// Enqueues messages.
struct EnqueueRunner: Sendable {
    typealias Pending = PendingRequest<EnqueueRequest, Bool>
    /// Whether a handler of this process has the message.
    typealias Answers = [Result<Bool, any Error>]

    let statements: QueueStatements
    /// Reserves handlers for so many messages.
    let reserve: @Sendable (Int) -> HandOff.Reservation?

    // MARK: - Messages of several callers

    /// Enqueues a batch, with a result for each message.
    func enqueue(_ requests: [Pending], on connection: MySQLConnection, _ done: @escaping (Answers) -> Void) {
        var answers: Answers = requests.map { pending in
            Result { () throws(MQError) in
                try pending.request.check(for: connection)
                return false
            }
        }
        let sound = answers.indices.filter { if case .success = answers[$0] { true } else { false } }
        insertEach(sound.map { requests[$0].request }[...], on: connection) { inserted in
            for (index, answer) in zip(sound, inserted) { answers[index] = answer }
            done(answers)
        }
    }

    /// Inserts in statements of few sizes.
    private func insertEach(
        _ requests: ArraySlice<EnqueueRequest>, on connection: MySQLConnection, _ done: @escaping (Answers) -> Void
    ) {
        guard !requests.isEmpty else { return done([]) }
        let count = BatchSize.bucket(notAbove: requests.count)
        bisecting(requests.prefix(count)) { requests, done in
            let reservation = reserve(requests.count(where: \.isImmediate))
            insert(requests, reservation, on: connection) { result in done(result.map { $0.map(Result.success) }) }
        } done: { answers in
            guard requests.count > count else { return done(answers) }
            insertEach(requests.dropFirst(count), on: connection) { done(answers + $0) }
        }
    }

    private func insert(
        _ requests: ArraySlice<EnqueueRequest>, _ reservation: HandOff.Reservation?, on connection: MySQLConnection,
        _ done: @escaping (Result<[Bool], MySQLError>) -> Void
    ) {
        if let reservation {
            return LeasedInsert(statements, requests, reservation).run(connection) { result in
                // The table of before the listener looked at it was replaced by one without the column.
                if case .failure(let error) = result, error.serverCode == ServerErrorCode.unknownColumn {
                    return insert(requests, nil, on: connection, done)
                }
                done(result)
            }
        }
        let handler = connection.handler
        handler.withStatement(statements.insert(rows: requests.count), .write) { statement in
            execute(statement, done) { statement in
                handler.execute(statement, requests.flatMap(\.parameters), .write) { result in
                    if case .failure(let error) = result, error.serverCode == ServerErrorCode.duplicateKey,
                        requests.first?.isRepeated == true
                    {
                        // The attempt whose answer was lost has inserted it.
                        return done(.success([false]))
                    }
                    done(result.map { _ in requests.map { _ in false } })
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
