import FedifyMySQL
import Foundation
import Testing

/// Tables of a test's own, for a store and a queue, on the first server that MYSQL_URL names.
struct TestTables: Sendable {
    let url: String
    let storeOptions: MySQLKvStoreOptions
    let queueTable: String

    /// Runs a test, and drops the tables.
    static func run(_ test: (TestTables) async throws -> Void) async throws {
        let urls = try #require(ProcessInfo.processInfo.environment["MYSQL_URL"], "the tests need a server")
        let name = UUID().uuidString.replacing("-", with: "").lowercased()
        var storeOptions = MySQLKvStoreOptions()
        storeOptions.tableName = "t_" + name
        let tables = TestTables(
            url: String(try #require(urls.split(separator: " ").first)), storeOptions: storeOptions,
            queueTable: "q_" + name)
        try await withCleanUp {
            try await test(tables)
        } cleanUp: {
            try await tables.open { store, queue in
                try await store.dropTable()
                try await queue.drop()
            }
        }
    }

    func queue(_ pool: MySQLPool, _ options: MySQLMessageQueueOptions = .init()) throws -> MySQLMessageQueue {
        var options = options
        options.tableName = queueTable
        return try MySQLMessageQueue(pool, options: options)
    }

    /// Runs something on the tables, apart from the servers that use them.
    func open(_ body: (MySQLKvStore, MySQLMessageQueue) async throws -> Void) async throws {
        let pool = try MySQLPool(url: url)
        try await withCleanUp {
            try await body(MySQLKvStore(pool, options: storeOptions), queue(pool))
        } cleanUp: {
            await pool.close()
        }
    }
}
