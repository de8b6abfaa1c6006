import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

/// A table that is shared with Fedify's TypeScript queue.
@Suite(.serialized) struct QueueInteropTests {
    /// A row that the TypeScript queue wrote.
    private struct Row: Decodable {
        let id: String
        let message: String
        let deliver_after: String
        let ordering_key: String?
    }

    private func rows(_ server: TestServer) throws -> [Row] {
        let name = "upstream-queue-rows-\(server.isMariaDB ? "mariadb" : "mysql")"
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Fixtures"))
        let rows = try String(decoding: Data(contentsOf: url), as: UTF8.self).split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8))
        }
        #expect(rows.count == 14)
        return rows
    }

    @Test(arguments: try await TestServer.all)
    func readsWhatTheTypeScriptQueueWrote(_ server: TestServer) async throws {
        var options = MySQLMessageQueueOptions()
        options.tableName = TestServer.newTableName()
        let table = options.tableName
        let queue = try MySQLMessageQueue(server.pool(), options: options)
        let rows = try rows(server)
        // Some were enqueued with a delay of an hour. All are moved to the present.
        let begin = try #require(rows.map(\.deliver_after).min())
        let isDelayed = { (row: Row) in row.deliver_after.prefix(13) != begin.prefix(13) }
        #expect(rows.contains(where: isDelayed))
        try await server.sql(TypeScriptQueue.createTable(table))
        for row in rows {
            try await server.sql(
                "INSERT INTO `\(table)` (id, message, deliver_after, ordering_key) "
                    + "VALUES (?, ?, NOW(6) - INTERVAL 1 MINUTE + INTERVAL TIMESTAMPDIFF(MICROSECOND, ?, ?) MICROSECOND, ?)",
                .text(row.id), .text(row.message), .text(begin), .text(row.deliver_after),
                row.ordering_key.map(MySQLParameter.text) ?? .null)
        }
        let handled = NIOLockedValueBox<[ReceivedMessage]>([])
        let listening = Task {
            try await queue.listen(concurrency: 4) { message in handled.withLockedValue { $0.append(message) } }
        }
        let ready = rows.count { !isDelayed($0) }
        try await eventually { handled.withLockedValue(\.count) >= ready }
        // The others are still there, as they were.
        let left = try await server.sql("SELECT id FROM `\(table)` WHERE deliver_after > NOW(6)").compactMap { $0[0] }
        #expect(Set(left) == Set(rows.filter(isDelayed).map(\.id)))
        try await server.sql("UPDATE `\(table)` SET deliver_after = NOW(6)")
        try await eventually { handled.withLockedValue(\.count) >= rows.count }
        try await eventually { try await server.sql("SELECT 1 FROM `\(table)`").isEmpty }

        let found = Dictionary(grouping: handled.withLockedValue(\.self), by: \.id)
        #expect(found.count == rows.count && found.values.allSatisfy { $0.count == 1 })
        for row in rows {
            let message = try #require(found[row.id]?.first)
            #expect(try message.message == JSONValue(json: row.message), "\(row.message)")
            #expect(message.orderingKey == row.ordering_key, "\(row.message)")
            // The table doesn't count them.
            #expect(message.attempt == nil)
            #expect(message.enqueuedAt != nil)
        }
        // Those of one key in their order.
        let batch = handled.withLockedValue { $0.filter { $0.orderingKey == "batch" }.map(\.message.json) }
        #expect(batch == [#""first""#, #""second""#, #""third""#])
        listening.cancel()
        try await listening.value

        // Enqueued again they are the same rows, but for the ID and the time.
        for row in rows {
            try await queue.enqueue(JSONValue(json: row.message), delay: .seconds(60), orderingKey: row.ordering_key)
            let written = try await server.sql(
                "SELECT message, HEX(ordering_key), HEX(?), CHAR_LENGTH(id) FROM `\(table)`",
                row.ordering_key.map(MySQLParameter.text) ?? .null)
            #expect(try JSONValue(json: written[0][0] ?? "") == JSONValue(json: row.message), "\(row.message)")
            #expect(written.count == 1 && written[0][1] == written[0][2] && written[0][3] == "36", "\(row.message)")
            try await server.sql("DELETE FROM `\(table)`")
        }
        await queue.pool.close()
        try await server.sql("DROP TABLE `\(table)`")
    }

    /// Both programs enqueue and consume: each message is handled once, and those of a key in order, whichever does it.
    @Test(arguments: try await TestServer.all)
    func bothConsumeOneTable(_ server: TestServer) async throws {
        let table = TestServer.newTableName()
        let pools = try (0..<2).map { _ in try server.pool(14) }
        let others = pools.map { TypeScriptQueue($0, table: table) }
        try await QueueScene.with(
            server,
            {
                $0.tableName = table
                // No lease is to end, however slow the machine.
                $0.delivery.lease = .seconds(30)
            }, others: others
        ) { queue in
            try await queue.run(enqueuers: 12, isTroubled: false) {
                try await queue.progress(FaultTests.times > 1 ? 10_000 : 2000)
            }
            #expect(queue.history.errors.isEmpty)
            try await queue.check("none, with a TypeScript queue", QueueHistoryChecker.Rules(isExactlyOnce: true))
            // Each has had its part.
            let handled = Dictionary(grouping: queue.history.events.filter { $0.kind == .returned }) {
                "\($0.worker) \($0.key == nil ? "without a key" : "with a key")"
            }.mapValues(\.count)
            #expect(handled.count == 10, "\(handled)")
        }
        for pool in pools { await pool.close() }
    }
}
