import FedifyMQ
import FedifyMySQL
import Foundation
import Metrics
import MetricsTestKit
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

/// Claims, settlements and enqueues of many listeners at the same time.
@Suite(.serialized) struct QueueDeadlockTests {
    @Test(arguments: try await TestServer.all)
    func noDeadlockReachesACaller(_ server: TestServer) async throws {
        let (metrics, log) = (TestMetrics(), CapturedLog())
        let before = try await server.deadlocks()
        try await QueueScene.with(server, queues: 4, workers: 2) {
            // Nothing fails but by accident, and no lease ends.
            $0.delivery.lease = .seconds(30)
        } configuration: {
            $0.observability.metrics = metrics
            $0.observability.logger = log.logger
        } _: { queue in
            let begun = ContinuousClock.now
            try await queue.run(enqueuers: 12, work: 1) {
                try await queue.progress(FaultTests.times > 1 ? 20_000 : 3000)
            }
            let took = begun.duration(to: .now) / .seconds(1)
            #expect(queue.history.errors.isEmpty, "\(queue.history.errors)")
            #expect(queue.history.count(.cancelled) == 0)
            let lost = metrics.counters.filter { counter in
                counter.label == "fedify_mq.settled" && counter.dimensions.contains { $0 == ("result", "lost") }
            }
            #expect(lost.map(\.totalValue).reduce(0, +) == 0)
            try await queue.check("none, 6 listeners", QueueHistoryChecker.Rules(isExactlyOnce: true))
            let deadlocks = try await server.deadlocks() - before
            print(
                "\(server.name): \(deadlocks) deadlocks, \(Int(Double(queue.history.count(.returned)) / took)) messages/s"
            )
            let failures = log.text.split(separator: "\n").filter { $0.contains("could not be served") }
            #expect(failures.isEmpty, "\(failures.count) \(failures.prefix(3))")
        }
    }
}

extension TestServer {
    /// How many deadlocks the server has found since its start.
    fileprivate func deadlocks() async throws -> Int {
        let rows =
            isMariaDB
            ? try await sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'").map { $0[1] }
            : try await sql("SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'").map {
                $0[0]
            }
        return rows.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    }
}
