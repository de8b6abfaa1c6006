import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient

extension MySQLMessageQueue {
    /// What surrounds a waiting message.
    struct WaitingRow: Encodable, Sendable {
        let id: String
        /// Seconds since it was enqueued; nil if its ID doesn't tell.
        let age: Double?
        /// Seconds until it may be delivered, or its lease ends.
        let due: Double
        /// nil: the table doesn't count them.
        let attempts: Int?
        let lastError: String?
        let orderingKey: String?
    }

    /// Throws if the table doesn't exist.
    func requireTable() async throws {
        let name = options.tableName
        let rows = try await withConnection { connection in
            try await connection.rows(QueueStatements.tableExists, [.text(name)]).rows
        }
        guard rows.isEmpty else { return }
        throw MQError(
            .serverError, "the table `\(name)` doesn't exist in this database; `fedify-mq init` creates it")
    }

    /// The messages that are due first, or the first ones of a key.
    func peek(limit: Int, orderingKey: String?) async throws -> [WaitingRow] {
        try await withConnection { [statements] connection in
            let counted = try await connection.countsAttempts(options.tableName)
            let rows = try await connection.rows(
                statements.peek(counted: counted, ofKey: orderingKey != nil),
                (orderingKey.map { [.text($0)] } ?? []) + [.integer(Int64(limit))], maximumRows: limit)
            return rows.rows.map(WaitingRow.init)
        }
    }

    /// A waiting message.
    func waitingMessage(_ id: String) async throws -> (message: JSONValue, row: WaitingRow)? {
        try await withConnection { [statements] connection in
            let counted = try await connection.countsAttempts(options.tableName)
            guard let row = try await connection.rows(statements.waiting(counted: counted), [.text(id)]).rows.first
            else { return nil }
            return (JSONValue(uncheckedJSON: row.text(5) ?? "null"), WaitingRow(row))
        }
    }

    private static let page = 1000

    /// Deletes waiting messages, a thousand at a time.
    ///
    /// - Parameter orderingKey: Only those of a key; nil: all.
    /// - Returns: How many were deleted.
    /// - Throws: `MQError`.
    func drain(orderingKey: String?) async throws -> Int {
        var (deleted, last) = (0, "")
        while true {
            let (position, limit) = (last, Self.page)
            let (found, count) = try await withConnection { [statements] connection in
                let rows = try await connection.rows(
                    orderingKey == nil ? statements.idsAfter : statements.idsOfKey,
                    [.text(orderingKey ?? position), .integer(Int64(limit))], maximumRows: limit
                ).rows
                let ids = rows.compactMap { $0.text(0) }
                guard !ids.isEmpty else { return (ids, 0) }
                let padded = ids + Array(repeating: ids[0], count: limit - ids.count)
                let answer = try await connection.rows(
                    statements.deleteWaiting(rows: limit), padded.map(MySQLParameter.text), .write)
                return (ids, Int(answer.affectedRows))
            }
            deleted += count
            guard found.count == limit, let end = found.last else { return deleted }
            last = end
        }
    }
}

extension MySQLMessageQueue.WaitingRow {
    fileprivate init(_ row: MySQLRow) {
        id = row.text(0) ?? ""
        let now = Date().timeIntervalSince1970
        age = MessageID.time(of: id).map { max(0, (now - Double($0) / 1e6).rounded(toPlaces: 3)) }
        due = Double(row.integer(1) ?? 0) / 1e6
        attempts = row.integer(2).map { Int($0) }
        lastError = row.text(3)
        orderingKey = row.text(4)
    }
}

extension Double {
    func rounded(toPlaces places: Int) -> Double {
        let factor = pow(10, Double(places))
        return (self * factor).rounded() / factor
    }
}

extension MySQLConnection {
    /// Whether the table has the columns `attempts` and `last_error`.
    fileprivate func countsAttempts(_ table: String) async throws(MySQLError) -> Bool {
        let rows = try await rows(QueueStatements.countingColumnsOfTable, [.text(table)], maximumRows: 2).rows
        return rows.count == 2
    }
}

extension QueueStatements {
    /// Binds the table's name.
    fileprivate static let countingColumnsOfTable = """
        SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
        AND LOWER(column_name) IN ('attempts', 'last_error')
        """

    private func row(counted: Bool) -> String {
        "`id`, TIMESTAMPDIFF(MICROSECOND, \(now), `deliver_after`), "
            + (counted ? "`attempts`, `last_error`" : "NULL, NULL") + ", `ordering_key`"
    }

    /// Binds the key, if it is of one, and the number.
    fileprivate func peek(counted: Bool, ofKey: Bool) -> String {
        ofKey
            ? "SELECT \(row(counted: counted)) FROM \(byKey) WHERE `ordering_key` = ? LIMIT ?"
            : "SELECT \(row(counted: counted)) FROM \(byDue) ORDER BY `deliver_after` LIMIT ?"
    }

    /// The columns of a row, then its message. Binds the ID.
    fileprivate func waiting(counted: Bool) -> String {
        "SELECT \(row(counted: counted)), `message` FROM \(byID) WHERE `id` = ?"
    }

    /// IDs in their order. Binds the ID to begin after, and the number.
    fileprivate var idsAfter: String { "SELECT `id` FROM \(byID) WHERE `id` > ? ORDER BY `id` LIMIT ?" }

    /// Binds the key and the number.
    fileprivate var idsOfKey: String { "SELECT `id` FROM \(byKey) WHERE `ordering_key` = ? LIMIT ?" }

    /// Binds the IDs.
    fileprivate func deleteWaiting(rows: Int) -> String {
        "DELETE FROM \(table) USING \(byID) WHERE `id` IN (\(repeatElement("?", count: rows).joined(separator: ", ")))"
    }
}
