public import FedifyMQ
import MySQLClient

extension MySQLMessageQueue {
    /// The messages that died last, the last one first. They come with their contents, which may be secret. The tool
    /// `fedify-mq dead` also retries and drops dead messages.
    ///
    /// - Parameter limit: The maximum number of messages.
    /// - Returns: The messages; none if there is no table of dead messages yet.
    /// - Throws: `MQError`.
    public func deadMessages(limit: Int = 100) async throws(MQError) -> [DeadMessage] {
        guard limit > 0 else { return [] }
        return try await withDeadTable([]) { [statements] connection in
            try await connection.rows(statements.deadMessages, [.integer(Int64(limit))], maximumRows: limit)
                .rows.map(DeadMessage.init)
        }
    }
}

extension DeadMessage {
    fileprivate init(_ row: MySQLRow) {
        self.init(
            id: row.text(0) ?? "", message: JSONValue(uncheckedJSON: row.text(1) ?? "null"), orderingKey: row.text(2),
            attempts: Int(row.integer(3) ?? 0), reason: row.text(4) ?? "")
    }
}

extension QueueStatements {
    /// Binds the number.
    fileprivate var deadMessages: String {
        """
        SELECT `id`, `message`, `ordering_key`, `attempts`, `last_error` FROM \(deadTable) \
        ORDER BY `died_at` DESC, `id` DESC LIMIT ?
        """
    }
}
