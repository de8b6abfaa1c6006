import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import Logging
import MySQLClient
import ServiceLifecycle
import Testing

/// Pool and store as services of a group.
@Suite(.serialized) struct ServiceTests {
    /// A shutdown under load: operations in progress complete, later ones are refused, and the server sees every
    /// connection closed as it should be.
    @Test(arguments: try await TestServer.all)
    func aGracefulShutdownFinishesWhatIsUnderWay(_ server: TestServer) async throws {
        func aborted() async throws -> Int {
            Int(try await server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1] ?? "") ?? -1
        }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let before = try await aborted()
            let pool = try server.pool(4)
            let kv = try MySQLKvStore(pool, options: direct.options)
            let group = ServiceGroup(services: [pool, kv], logger: Logger(label: "test"))
            async let running: Void = group.run()
            // Operations that can't end before the shutdown has begun.
            let callers = try await pool.whileBusy(connections: 4) {
                var callers = (0..<100).map { number in Task { try await kv.set(["\(number)"], "v") } }
                callers.append(Task { _ = try await kv.getWithTTL(["k"]) })
                try await eventually { pool.status.waiting >= 102 }
                await group.triggerGracefulShutdown()
                try await eventually {
                    // Cancelled, it would not wait for a connection if it were let in.
                    let probe = Task { try await kv.count() }
                    probe.cancel()
                    guard case .failure(let error as KvError) = await probe.result else { return false }
                    return error.code == .closed
                }
                return callers
            }
            for caller in callers { try await caller.value }
            try await running
            await #expect(throws: KvError.self) { try await kv.set(["late"], "v") }
            #expect(try await direct.count() == 100)
            #expect(pool.status.connections == 0)
            #expect(try await aborted() == before)
        }
    }

    /// Upkeep continues until the shutdown, and doesn't delay it.
    @Test(arguments: try await TestServer.all)
    func theStoreSweepsUntilTheShutdown(_ server: TestServer) async throws {
        try await server.withStore(options: { $0.upkeep.interval = .seconds(3600) }) { kv, pool in
            try await kv.set(["k"], "v", ttl: .milliseconds(1))
            try await eventually { try await kv.get(["k"]) == nil }
            let group = ServiceGroup(services: [kv], logger: Logger(label: "test"))
            async let running: Void = group.run()
            try await eventually {
                try await server.sql("SELECT COUNT(*) FROM \(kv.options.tableName)") == [["0"]]
            }
            await group.triggerGracefulShutdown()
            try await running
            // The pool is another service.
            try await pool.withConnection { _ = try await $0.query("DO 1") }
        }
    }

    /// A sweep that is cancelled between two attempts has not failed.
    @Test(arguments: try await TestServer.all)
    func aSweepCancelledWhileItWaitsIsNoFailure(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(logger: log.logger) { kv, _ in
            try await kv.set(["expired"], 1, ttl: .zero)
            let other = try await OpenTransaction(
                on: server, "SELECT `key` FROM `\(kv.options.tableName)` FOR UPDATE")
            let upkeep = Task { await kv.run() }
            try await eventually { log.text.contains("operation retried") }
            upkeep.cancel()
            await upkeep.value
            try await other.commit()
            #expect(!log.text.contains("expired rows were not removed"))
        }
    }
}
