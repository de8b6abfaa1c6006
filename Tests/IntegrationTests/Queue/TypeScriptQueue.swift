import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient

/// A client that does with a queue's table what Fedify's TypeScript `MysqlMessageQueue` does: it deletes a message, and
/// handles it then.
final class TypeScriptQueue: MessageQueue {
    private let pool: MySQLPool
    private let name: String

    init(_ pool: MySQLPool, table: String) {
        self.pool = pool
        name = table
    }

    /// The table as it is made there.
    static func createTable(_ name: String) -> String {
        """
        CREATE TABLE `\(name)` (`id` CHAR(36) NOT NULL, `message` JSON NOT NULL, \
        `deliver_after` DATETIME(6) NOT NULL DEFAULT NOW(6), `ordering_key` TEXT NULL, PRIMARY KEY (`id`), \
        INDEX `idx_\(name)_deliver_after` (`deliver_after`), \
        INDEX `idx_\(name)_ok_da` (`ordering_key`(766), `deliver_after`)) \
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
        """
    }

    // MARK: - MessageQueue

    func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError) {
        let values = messages.indices.map {
            "(UUID(), ?, NOW(6) + INTERVAL \($0) MICROSECOND + INTERVAL ? MICROSECOND, ?)"
        }
        let parameters = messages.flatMap { message -> [MySQLParameter] in
            [
                .text(message.json), .integer(Int64(delay / .microseconds(1))),
                orderingKey.map(MySQLParameter.text) ?? .null,
            ]
        }
        do {
            try await retrying {
                try await pool.withConnection { connection in
                    _ = try await connection.rows(
                        "INSERT INTO `\(name)` (`id`, `message`, `deliver_after`, `ordering_key`) VALUES "
                            + values.joined(separator: ", "), parameters, .write)
                }
            }
        } catch {
            throw MQError(.serverError, "\(error)", mayHaveBeenApplied: true, underlyingError: error)
        }
    }

    /// Half of the loops take messages without a key, the others those with keys.
    func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        do {
            try await withThrowingTaskGroup { group in
                for number in 0..<concurrency {
                    group.addTask {
                        try await self.pool.withConnection(deadline: .now + .seconds(3600)) { connection in
                            while !Task.isCancelled {
                                let isFound =
                                    number.isMultiple(of: 2)
                                    ? try await self.handleUnordered(on: connection, handler)
                                    : try await self.handleOrdered(on: connection, handler)
                                if !isFound { try? await Task.sleep(for: .milliseconds(5)) }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        } catch is CancellationError {
            // It has stopped while it waited for a connection.
        } catch {
            throw MQError(.serverError, "\(error)", underlyingError: error)
        }
    }

    func depth() async throws(MQError) -> QueueDepth { QueueDepth() }

    // MARK: - Taking a message

    private func handleUnordered(
        on connection: MySQLConnection, _ handler: (ReceivedMessage) async throws -> Void
    ) async throws -> Bool {
        let message = try await take("`ordering_key` IS NULL", [], "FOR UPDATE SKIP LOCKED", on: connection)
        guard let message else { return false }
        try await handler(message)
        return true
    }

    private func handleOrdered(
        on connection: MySQLConnection, _ handler: (ReceivedMessage) async throws -> Void
    ) async throws -> Bool {
        let keys = try await connection.rows(
            "SELECT DISTINCT `ordering_key` FROM `\(name)` WHERE `ordering_key` IS NOT NULL AND `deliver_after` <= NOW(6)",
            maximumRows: 1000
        ).rows.compactMap { $0.text(0) }
        for key in keys.shuffled() {
            let lock = MySQLParameter.text(LockName.make(key, table: name))
            let isLocked = try await connection.rows("SELECT GET_LOCK(?, 0)", [lock]).rows.first?.integer(0) == 1
            guard isLocked else { continue }
            let result = await Result {
                let message = try await take("`ordering_key` = ?", [.text(key)], "FOR UPDATE", key: key, on: connection)
                if let message { try await handler(message) }
                return message != nil
            }
            _ = try await connection.rows("SELECT RELEASE_LOCK(?)", [lock])
            if try result.get() { return true }
        }
        return false
    }

    /// Deletes the oldest ready message, and returns it.
    private func take(
        _ condition: String, _ parameters: [MySQLParameter], _ lock: String, key: String? = nil,
        on connection: MySQLConnection
    ) async throws -> ReceivedMessage? {
        try await retrying {
            try await connection.transaction {
                let row = try await connection.rows(
                    "SELECT `id`, `message` FROM `\(name)` WHERE \(condition) AND `deliver_after` <= NOW(6) "
                        + "ORDER BY `deliver_after`, `id` LIMIT 1 \(lock)", parameters, .write, maximumRows: 1
                ).rows.first
                guard let row, let id = row.text(0), let message = row.text(1) else { return nil }
                _ = try await connection.rows("DELETE FROM `\(name)` WHERE `id` = ?", [.text(id)], .write)
                return ReceivedMessage(
                    id: id, message: JSONValue(uncheckedJSON: message), orderingKey: key, attempt: nil,
                    control: DeliveryControl())
            }
        }
    }

    /// It would give a message up that met a deadlock; that is of no interest here.
    private func retrying<T>(_ body: () async throws -> T) async throws -> T {
        while true {
            do {
                return try await body()
            } catch let error as MySQLError where [1213, 1205].contains(error.serverCode) {
                continue
            }
        }
    }
}
