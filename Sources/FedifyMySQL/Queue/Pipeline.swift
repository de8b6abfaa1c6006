import MySQLClient
import MySQLProtocol

/// A statement of a pipeline: several are sent together, and executed one after the other whatever becomes of those
/// before.
struct PipelinedStatement: Sendable {
    enum Kind: Sendable {
        /// By the protocol for text: a statement that can't be prepared, without data in it.
        case command
        case prepared([MySQLParameter], maximumRows: Int)
    }

    let sql: String
    let kind: Kind
    let effect: ConnectionHandler.Effect

    /// A statement that can't be prepared.
    static func command(_ sql: String, _ effect: ConnectionHandler.Effect = .read) -> Self {
        Self(sql: sql, kind: .command, effect: effect)
    }

    static func query(_ sql: String, _ parameters: [MySQLParameter], rows: Int) -> Self {
        Self(sql: sql, kind: .prepared(parameters, maximumRows: rows), effect: .read)
    }

    static func write(_ sql: String, _ parameters: [MySQLParameter]) -> Self {
        Self(sql: sql, kind: .prepared(parameters, maximumRows: 0), effect: .write)
    }
}

extension MySQLConnection {
    /// Sends statements together, in one round trip once they are prepared.
    ///
    /// - Returns: The answer to each.
    /// - Throws: `MySQLError` if one can't be prepared; nothing was executed then.
    func pipeline(_ statements: [PipelinedStatement]) async throws(MySQLError) -> [Result<Rows, MySQLError>] {
        for statement in statements {
            guard case .prepared = statement.kind else { continue }
            try await prepare(statement.sql)
        }
        return try await onLoop { handler, done in
            var answers = [Result<Rows, MySQLError>?](repeating: nil, count: statements.count)
            var missing = statements.count
            // A statement that is prepared again is answered after later ones.
            func answered(_ index: Int, _ answer: Result<Rows, MySQLError>) {
                answers[index] = answer
                missing -= 1
                if missing == 0 { done(.success(answers.compactMap(\.self))) }
            }
            if statements.isEmpty { done(.success([])) }
            for (index, statement) in statements.enumerated() {
                switch statement.kind {
                case .command:
                    handler.query(statement.sql, statement.effect) {
                        answered(index, $0.map { Rows(affectedRows: $0) })
                    }
                case .prepared(let parameters, let maximumRows):
                    // It is in the cache, unless there are more of them than the cache holds: then it is prepared again.
                    handler.withStatement(statement.sql, .read) { prepared in
                        guard case .success(let prepared) = prepared else {
                            if case .failure(let error) = prepared { answered(index, .failure(error)) }
                            return
                        }
                        var rows = Rows()
                        handler.execute(prepared, parameters, statement.effect, maximumRows: maximumRows) {
                            reader throws(ProtocolError) in
                            rows.rows.append(try MySQLRow(&reader))
                        } _: { result in
                            answered(
                                index,
                                result.map { affectedRows in
                                    rows.affectedRows = affectedRows
                                    return rows
                                })
                        }
                    }
                }
            }
            handler.flush()
        }
    }

    private func prepare(_ sql: String) async throws(MySQLError) {
        try await onLoop { handler, done in
            handler.withStatement(sql, .write) { done($0.map { _ in }) }
        }
    }
}
