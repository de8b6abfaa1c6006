import MySQLProtocol

/// A statement that is prepared, or being prepared, on a connection.
package final class PreparedStatement {
    package let sql: String
    /// The server's statement ID; nil: not prepared yet.
    private(set) var id: UInt32?
    /// The number of parameters.
    private(set) var parameters = 0
    fileprivate var lastUse = 0

    init(_ sql: String) {
        self.sql = sql
    }

    func prepared(_ answer: ResponseDecoder.PreparedStatementResponse) {
        id = answer.id
        parameters = answer.parameters
    }
}

/// A least-recently-used cache of a connection's prepared statements, by their text.
struct PreparedStatements {
    let limit: Int
    private var statements: [String: PreparedStatement] = [:]
    private var uses = 0

    init(limit: Int) {
        self.limit = limit
    }

    /// Forgets all of them.
    ///
    /// - Returns: The IDs of the statements to close on the server.
    mutating func removeAll() -> [UInt32] {
        defer { statements = [:] }
        return statements.values.compactMap(\.id)
    }

    mutating func find(_ sql: String) -> PreparedStatement? {
        guard let statement = statements[sql] else { return nil }
        uses += 1
        statement.lastUse = uses
        return statement
    }

    /// - Returns: The ID of a statement to close on the server.
    mutating func insert(_ statement: PreparedStatement) -> UInt32? {
        uses += 1
        statement.lastUse = uses
        if let former = statements.updateValue(statement, forKey: statement.sql) { return former.id }
        guard statements.count > limit, let oldest = statements.values.min(by: { $0.lastUse < $1.lastUse }) else {
            return nil
        }
        statements[oldest.sql] = nil
        return oldest.id
    }
}
