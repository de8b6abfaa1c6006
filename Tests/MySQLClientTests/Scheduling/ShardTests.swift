import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// The parts of a pool that is divided among event loops.
@Suite struct ShardTests {
    /// A request that counts that it failed.
    private final class Waiting: ScheduledRequest, @unchecked Sendable {
        // Safe: the continuation is set before the request is submitted.
        var continuation: UnsafeContinuation<Void, Never>?

        override func fail(_ error: any Error) {
            if claimAnswer() { continuation?.resume() }
        }
    }

    /// A lane has one number in all shards: that of a removed one is not used again while a shard has requests of it.
    @Test func aLaneHasOneNumberInAllShards() async throws {
        // No listener there.
        var configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: 1), user: "user", password: "secret", database: "db")
        configuration.pool.hasShardPerEventLoop = true
        let pool = try MySQLPool(configuration)
        func add() -> LaneID { pool.addLane(LanePolicy()) { _, _, _ in } }
        let lane = add()
        // In one of the shards, until the pool is closed.
        let waiting = Task {
            let request = Waiting(
                lane: lane, size: 0, created: .now(), waitsUntil: .distantFuture, deadline: .distantFuture)
            await withUnsafeContinuation { continuation in
                request.continuation = continuation
                pool.scheduler.submit(request)
            }
        }
        while pool.status.waiting == 0 { await Task.yield() }
        pool.removeLane(lane)
        let other = add()
        #expect(other != lane)
        pool.removeLane(other)
        #expect(add() == other)
        await pool.close()
        await waiting.value
        #expect(add() == lane)
    }
}
