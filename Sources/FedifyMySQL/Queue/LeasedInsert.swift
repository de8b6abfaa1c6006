@_spi(Scheduling) import MySQLClient
import MySQLProtocol

/// Inserts messages with their leases taken, for handlers of this process, and reads them as a claim would.
struct LeasedInsert {
    typealias Done = (Result<[Bool], MySQLError>) -> Void

    let statements: QueueStatements
    let requests: ArraySlice<EnqueueRequest>
    let reservation: HandOff.Reservation
    private let ids: [MySQLParameter]
    private var lease: Int64 { reservation.lease.microseconds }

    init(_ statements: QueueStatements, _ requests: ArraySlice<EnqueueRequest>, _ reservation: HandOff.Reservation) {
        (self.statements, self.requests, self.reservation) = (statements, requests, reservation)
        ids = requests.filter(\.isImmediate).map { MySQLParameter.text($0.id) }
            .filled(to: BatchSize.bucket(notBelow: reservation.count))
    }

    /// Calls `done` with whether each message has gone to a handler.
    func run(_ connection: MySQLConnection, _ done: @escaping Done) {
        let handler = connection.handler
        let (insert, read) = (
            statements.insert(rows: requests.count, leased: reservation.countsAttempts),
            statements.inserted(rows: ids.count)
        )
        // Both are prepared before either is executed, so that they are sent together.
        handler.withStatement(insert, .write) { insert in
            handler.withStatement(read, .write) { read in
                switch (insert, read) {
                case (.success(let insert), .success(let read)): send(insert, read, connection, done)
                case (.failure(let error), _), (_, .failure(let error)):
                    reservation.end()
                    done(.failure(error))
                }
            }
        }
    }

    private func send(
        _ insert: PreparedStatement, _ read: PreparedStatement, _ connection: MySQLConnection, _ done: @escaping Done
    ) {
        let handler = connection.handler
        let begun = ContinuousClock.now
        var rows: [MySQLRow] = []
        var answers: (inserted: Result<UInt64, MySQLError>?, read: Result<UInt64, MySQLError>?)
        func answered() {
            guard let inserted = answers.inserted, let read = answers.read else { return }
            switch (inserted, read) {
            case (.success, .success): handOver(rows, begun: begun, connection, done)
            case (.success, .failure):
                // Their leases will end.
                reservation.end()
                done(.success(requests.map { _ in false }))
            case (.failure(let error), _):
                reservation.end()
                done(.failure(error))
            }
        }
        let parameters = requests.flatMap { request -> [MySQLParameter] in
            let leased = request.isImmediate
            return request.parameters(delay: leased ? lease : request.delay)
                + (reservation.countsAttempts ? [.integer(leased ? 1 : 0)] : [])
        }
        handler.execute(insert, parameters, .write) {
            answers.inserted = $0
            answered()
        }
        let quiet = reservation.quietSince.duration(to: begun) + Self.longestCommit
        handler.execute(read, [.integer(quiet.microseconds)] + ids, .read, maximumRows: reservation.count) {
            row throws(ProtocolError) in
            rows.append(try MySQLRow(&row))
        } _: {
            answers.read = $0
            answered()
        }
        handler.flush()
    }

    /// A message that was being inserted when the listener looked may have been committed later.
    private static let longestCommit = Duration.milliseconds(100)

    private func handOver(
        _ rows: [MySQLRow], begun: ContinuousClock.Instant, _ connection: MySQLConnection, _ done: @escaping Done
    ) {
        let messages = rows.compactMap(QueueTransaction.Claimed.init)
        let token = messages.first?.deliverAfter ?? ""
        guard messages.count == reservation.count, rows.allSatisfy({ $0.integer(4) == 0 }) else {
            return giveBack(token, connection, done)
        }
        reservation.end(
            HandOff.Arrival(messages: messages, token: token, until: begun + reservation.lease * 0.95))
        done(.success(requests.map(\.isImmediate)))
    }

    /// An earlier message is ready: these come after it.
    private func giveBack(_ token: String, _ connection: MySQLConnection, _ done: @escaping Done) {
        let handler = connection.handler
        func ended() {
            reservation.end()
            done(.success(requests.map { _ in false }))
        }
        let sql = statements.withoutLease(rows: ids.count, counted: reservation.countsAttempts)
        handler.withStatement(sql, .write) { statement in
            // Where that fails, their leases will end.
            guard case .success(let statement) = statement else { return ended() }
            handler.execute(statement, [.integer(lease), .text(token)] + ids, .write) { _ in ended() }
            handler.flush()
        }
    }
}
