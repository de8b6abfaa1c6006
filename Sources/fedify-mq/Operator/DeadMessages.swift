import FedifyMQ
import FedifyMySQL
import MySQLClient

extension MySQLMessageQueue {
    /// What surrounds a dead message.
    struct DeadRow: Encodable, Sendable {
        let id: String
        /// Seconds since it died.
        let died: Double
        let attempts: Int
        let lastError: String?
        let orderingKey: String?
    }

    /// The messages that died last.
    func dead(limit: Int) async throws -> [DeadRow] {
        try await withDeadTable([]) { [statements] connection in
            try await connection.rows(statements.dead, [.integer(Int64(limit))], maximumRows: limit)
                .rows.map(DeadRow.init)
        }
    }

    /// A dead message.
    func deadMessage(_ id: String) async throws -> (message: JSONValue, row: DeadRow)? {
        try await withDeadTable(nil) { [statements] connection in
            try await connection.rows(statements.deadMessage, [.text(id)]).rows.first.map { row in
                (JSONValue(uncheckedJSON: row.text(5) ?? "null"), DeadRow(row))
            }
        }
    }

    private static let page = 256

    /// Moves dead messages back into the queue, in the order in which they were enqueued, some at a time in a
    /// transaction.
    ///
    /// - Parameter ids: Which; nil: all.
    /// - Returns: How many were moved.
    /// - Throws: `MQError`.
    func retryDead(_ ids: [String]?) async throws -> Int {
        try await eachPage(ids) { statements, ids, connection in
            try await connection.transaction {
                // The lock keeps another operator from moving them as well.
                let found = try await connection.rows(
                    statements.lockDead(rows: ids.count), ids, .read, maximumRows: ids.count
                ).rows.compactMap { $0.text(0) }
                guard !found.isEmpty else { return 0 }
                let parameters = found.map(MySQLParameter.text)
                _ = try await connection.rows(statements.revive(rows: found.count), parameters, .write)
                _ = try await connection.rows(statements.deleteDead(rows: found.count), parameters, .write)
                return found.count
            }
        }
    }

    /// Deletes dead messages.
    ///
    /// - Parameter ids: Which; nil: all.
    /// - Returns: How many were deleted.
    /// - Throws: `MQError`.
    func dropDead(_ ids: [String]?) async throws -> Int {
        try await eachPage(ids) { statements, ids, connection in
            Int(try await connection.rows(statements.deleteDead(rows: ids.count), ids, .write).affectedRows)
        }
    }

    /// Does something with dead messages, a page at a time.
    private func eachPage(
        _ ids: [String]?,
        _ work: @escaping @Sendable (QueueStatements, [MySQLParameter], MySQLConnection) async throws -> Int
    ) async throws -> Int {
        var count = 0
        if let ids {
            let ids = Set(ids).sorted()
            for start in stride(from: 0, to: ids.count, by: Self.page) {
                let page = ids[start..<min(start + Self.page, ids.count)].map(MySQLParameter.text)
                count += try await withDeadTable(0) { [statements] in try await work(statements, page, $0) }
            }
            return count
        }
        var last = ""
        while true {
            let (position, limit) = (last, Self.page)
            let (found, done): ([String], Int) = try await withDeadTable(([], 0)) { [statements] connection in
                let found = try await connection.rows(
                    statements.deadAfter, [.text(position), .integer(Int64(limit))], maximumRows: limit
                ).rows.compactMap { $0.text(0) }
                guard !found.isEmpty else { return (found, 0) }
                return (found, try await work(statements, found.map(MySQLParameter.text), connection))
            }
            count += done
            guard found.count == limit, let end = found.last else { return count }
            last = end
        }
    }
}

extension MySQLMessageQueue.DeadRow {
    fileprivate init(_ row: MySQLRow) {
        id = row.text(0) ?? ""
        died = Double(row.integer(1) ?? 0) / 1e6
        attempts = Int(row.integer(2) ?? 0)
        lastError = row.text(3)
        orderingKey = row.text(4)
    }
}

extension QueueStatements {
    private var row: String {
        "`id`, TIMESTAMPDIFF(MICROSECOND, `died_at`, \(now)), `attempts`, `last_error`, `ordering_key`"
    }

    /// Binds the number.
    fileprivate var dead: String { "SELECT \(row) FROM \(deadTable) ORDER BY `died_at` DESC, `id` DESC LIMIT ?" }

    /// The columns of a row, then its message. Binds the ID.
    fileprivate var deadMessage: String { "SELECT \(row), `message` FROM \(deadTable) WHERE `id` = ?" }

    /// IDs in their order. Binds the ID to begin after, and the number.
    fileprivate var deadAfter: String { "SELECT `id` FROM \(deadTable) WHERE `id` > ? ORDER BY `id` LIMIT ?" }

    private func marks(_ count: Int) -> String { repeatElement("?", count: count).joined(separator: ", ") }

    /// Binds the IDs.
    fileprivate func lockDead(rows: Int) -> String {
        "SELECT `id` FROM \(deadTable) WHERE `id` IN (\(marks(rows))) ORDER BY `id` FOR UPDATE"
    }

    /// Copies dead messages into the queue: no attempts, due now. Binds the IDs.
    fileprivate func revive(rows: Int) -> String {
        """
        INSERT INTO \(table) (`id`, `message`, `deliver_after`, `ordering_key`) \
        SELECT `id`, `message`, \(now), `ordering_key` FROM \(deadTable) WHERE `id` IN (\(marks(rows))) ORDER BY `id`
        """
    }

    /// Binds the IDs.
    fileprivate func deleteDead(rows: Int) -> String {
        "DELETE FROM \(deadTable) USING \(deadTable) WHERE `id` IN (\(marks(rows)))"
    }
}
