import FedifyJSON
import FedifyMQ
import MySQLClient

/// A transaction of a listener: it settles messages whose handlers have ended, and claims others.
struct QueueTransaction: Sendable {
    enum Action: Sendable, Equatable {
        case delete
        case retry(after: Duration, reason: String)
        /// A message with a key that keeps its place: only the attempt is noted.
        case note(reason: String)
        case bury(attempts: Int, reason: String)
        case release
    }

    struct Settlement: Sendable {
        /// The lease's number, of a message without a key.
        var serial: Listener.Serial = 0
        let id: String
        /// nil: of a message whose key we have locked.
        let token: String?
        let action: Action
        /// The key that goes on afterwards.
        var key: String?
    }

    struct Claimed: Sendable {
        let id: String
        let message: JSONValue
        let attempts: Int?
        let deliverAfter: String

        /// - Parameter row: Begins with the ID, the message, the attempts and the time.
        init?(_ row: MySQLRow) {
            guard let id = row.text(0), let message = row.text(1), let deliverAfter = row.moment(3) else { return nil }
            self.id = id
            self.message = JSONValue(uncheckedJSON: message)
            attempts = row.integer(2).map { Int($0) }
            self.deliverAfter = deliverAfter
        }
    }

    struct Answer: Sendable {
        var claimed: [Claimed] = []
        var token = ""
        /// Messages that were another worker's by then.
        var lost = 0
        /// The first message of all is due in so much time; nil: unknown, or there is none.
        var nextDue: Duration?
        /// Nothing was claimed, since nothing is due.
        var isQuiet = false
    }

    /// Before every message.
    static let start = "1000-01-01 00:00:00"

    var settlements: [Settlement] = []
    var keyed: [Settlement] = []
    /// How many messages to claim.
    var wanted = 0
    /// Whether to see only if anything is due.
    var onlyLooks = false
    /// Where to begin.
    var position = start
    let countsAttempts: Bool

    /// Carries it out, in one attempt.
    func run(
        _ statements: QueueStatements, lease: Duration, on connection: MySQLConnection
    ) async throws(MySQLError) -> Answer {
        var answer = Answer()
        if onlyLooks {
            let row = try await connection.rows(statements.nextDue).rows.first
            answer.nextDue = row?.integer(0).map { Duration.microseconds($0) }
            answer.isQuiet = answer.nextDue.map { $0 > .zero } ?? true
            return answer
        }
        answer.lost = try await bury(statements, on: connection)
        let (writes, counts) = self.writes(statements)
        var pipeline: [PipelinedStatement] = [
            .command(QueueStatements.readCommitted), .command(MySQLConnection.begin),
        ]
        pipeline += writes
        guard wanted > 0 else {
            guard !writes.isEmpty else { return answer }
            // Any of these may be carried out without the others, and again.
            if writes.count == 1 {
                pipeline = writes
            } else {
                pipeline.append(.command(MySQLConnection.commit, .write))
            }
            do {
                let answers = try await connection.pipeline(pipeline)
                if writes.count > 1 { try Self.begun(answers) }
                answer.lost += try Self.lost(writes.count == 1 ? answers[...] : answers[2...], counts)
                _ = try answers[answers.count - 1].get()
                return answer
            } catch {
                await connection.rollBack(error)
                throw error
            }
        }
        pipeline.append(
            .query(
                statements.claim(counted: countsAttempts),
                [.integer(lease.microseconds), .text(position), .integer(Int64(wanted))], rows: wanted))
        do {
            let answers = try await connection.pipeline(pipeline)
            try Self.begun(answers)
            answer.lost += try Self.lost(answers[2..<2 + writes.count], counts)
            let rows = try answers[answers.count - 1].get().rows
            answer.token = rows.first?.moment(4) ?? ""
            answer.claimed = rows.compactMap(Claimed.init)
            var last: [PipelinedStatement] = []
            if !rows.isEmpty {
                let size = BatchSize.bucket(notBelow: answer.claimed.count)
                let ids = answer.claimed.map { MySQLParameter.text($0.id) }.filled(to: size)
                last.append(
                    .write(statements.lease(rows: size, counted: countsAttempts), [.text(answer.token)] + ids))
            }
            last.append(.command(MySQLConnection.commit, .write))
            for result in try await connection.pipeline(last) { _ = try result.get() }
            return answer
        } catch {
            await connection.rollBack(error)
            throw error
        }
    }

    /// Moves dead messages. (One after the other: if a statement that is sent together with others is the victim of a
    /// deadlock, later ones are executed without the earlier ones.)
    ///
    /// - Returns: How many messages were not ours any more.
    private func bury(_ statements: QueueStatements, on connection: MySQLConnection) async throws(MySQLError) -> Int {
        var lost = 0
        for settlement in settlements + keyed {
            guard case .bury(let attempts, let reason) = settlement.action else { continue }
            let place: [MySQLParameter] = [
                .text(settlement.id), settlement.token.map(MySQLParameter.text) ?? .null,
            ]
            do {
                lost += try await connection.transaction {
                    let parameters = [.integer(Int64(attempts)), .error(reason)] + place
                    _ = try await connection.rows(statements.bury, parameters, .write)
                    return try await connection.rows(statements.deleteBuried, place, .write).affectedRows == 0 ? 1 : 0
                }
            } catch {
                throw error as? MySQLError ?? .deadlineExceeded(mayHaveBeenApplied: true)
            }
        }
        return lost
    }

    /// Without a transaction the locks of a claim would be gone before its rows are leased.
    private static func begun(_ answers: [Result<MySQLConnection.Rows, MySQLError>]) throws(MySQLError) {
        for answer in answers.prefix(2) { _ = try answer.get() }
    }

    /// - Returns: How many messages were not ours any more.
    private static func lost(
        _ answers: ArraySlice<Result<MySQLConnection.Rows, MySQLError>>, _ counts: [Int?]
    ) throws(MySQLError) -> Int {
        var lost = 0
        for (answer, count) in zip(answers, counts) {
            let affected = Int(clamping: try answer.get().affectedRows)
            if let count { lost += max(0, count - affected) }
        }
        return lost
    }

    // MARK: - Statements

    /// The statements that settle, and how many rows each should find.
    private func writes(_ statements: QueueStatements) -> (writes: [PipelinedStatement], counts: [Int?]) {
        var writes: [PipelinedStatement] = []
        var counts: [Int?] = []
        func add(_ statement: PipelinedStatement, _ count: Int?) {
            writes.append(statement)
            counts.append(count)
        }
        /// Statements for messages of one token, their rows in the order of the IDs.
        func addEach(_ settlements: [Settlement], _ sql: (Int) -> String) {
            for (token, group) in Dictionary(grouping: settlements, by: \.token).sorted(by: { $0.key! < $1.key! }) {
                let size = BatchSize.bucket(notBelow: group.count)
                let ids = group.map(\.id).sorted().map(MySQLParameter.text).filled(to: size)
                add(.write(sql(size), ids + [.text(token!)]), group.count)
            }
        }
        addEach(settlements.filter { $0.action == .delete }, statements.delete(rows:))
        addEach(settlements.filter { $0.action == .release }) { statements.release(rows: $0, counted: countsAttempts) }
        let deleted = keyed.filter { $0.action == .delete }
        if !deleted.isEmpty {
            let size = BatchSize.bucket(notBelow: deleted.count)
            add(
                .write(
                    statements.deleteKeyed(rows: size),
                    deleted.map(\.id).sorted().map(MySQLParameter.text).filled(to: size)), nil)
        }
        for settlement in settlements + keyed {
            let id = MySQLParameter.text(settlement.id)
            let token = settlement.token.map(MySQLParameter.text)
            switch settlement.action {
            case .delete, .release, .bury: break
            case .note(let reason):
                if countsAttempts { add(.write(statements.count, [.error(reason), id]), nil) }
            case .retry(let pause, let reason):
                let sql =
                    token == nil
                    ? statements.retryKeyed(counted: countsAttempts) : statements.retry(counted: countsAttempts)
                add(
                    .write(
                        sql,
                        [.integer(pause.microseconds)] + (countsAttempts ? [.error(reason)] : []) + [id]
                            + (token.map { [$0] } ?? [])), token == nil ? nil : 1)
            }
        }
        return (writes, counts)
    }
}

extension MySQLParameter {
    /// An error's text, as long as the column takes it.
    fileprivate static func error(_ reason: String) -> MySQLParameter {
        .text(String(String.UnicodeScalarView(reason.unicodeScalars.prefix(1000))))
    }
}

extension MySQLRow {
    /// A time with six digits, in whatever form it came.
    func moment(_ column: Int) -> String? {
        text(column).map { $0.contains(".") ? $0 : $0 + ".000000" }
    }
}

extension Duration {
    /// Rounded to whole microseconds.
    var microseconds: Int64 { Int64(self / .microseconds(1)) }
}

extension MySQLConnection {
    /// Leaves no transaction open. A connection that can't roll back is closed, so that the server rolls back.
    func rollBack(_ error: MySQLError) async {
        guard error.code != .connectionLost, error.code != .closed else { return }
        do throws(MySQLError) {
            try await command(Self.rollback, .read)
        } catch {
            _ = try? await onLoop { handler, done in
                handler.fail(error)
                done(.success(()))
            }
        }
    }
}
