import FedifyKv
import FedifyMQ
import FedifyMySQL
import Foundation
import QueueRecording
import Testing

/// Faults that take long, or need a load of their own. `make test-faults` runs them.
@Suite(.serialized, .enabled(if: FaultTests.times > 1, "`make test-faults` runs it"))
struct QueueLongFaultTests {
    /// Servers whose processes the tests can stop.
    private static var nodes: [TestServer] {
        get async throws { try await TestServer.all.filter { Fault.stopServer.canHappen(to: $0) } }
    }

    /// Nothing that `enqueue` has refused is there, and listeners go on.
    @Test(arguments: try await Self.nodes)
    func theTableIsFull(_ server: TestServer) async throws {
        for _ in 0..<FaultTests.times {
            try await QueueScene.with(server) { queue in
                // More comes than is handled.
                try await queue.run(enqueuers: 12, work: 400, padding: 30_000, backlog: .max) {
                    try await queue.progress()
                    try await queue.fillDisk()
                    try await queue.progress()
                }
                try await queue.check(Fault.diskFull.rawValue)
                #expect(Set(queue.history.errors.keys).isSubset(of: [.serverError]), "\(queue.history.errors)")
            }
        }
    }

    /// The server ends idle sessions; that of a key's lock is not one.
    @Test(arguments: try await TestServer.all)
    func idleSessionsEnd(_ server: TestServer) async throws {
        func ended() async throws -> Int {
            Int(try await server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")[0][1] ?? "") ?? 0
        }
        try await server.withGlobal("wait_timeout", "1") {
            try await QueueScene.with(server) { queue in
                try await queue.run {
                    for _ in 0..<FaultTests.times {
                        try await queue.progress()
                        try await queue.whilePaused {
                            await queue.history.send(to: queue.queues[0], key: "alone") {
                                RecordedMessage(number: $0, work: 4000)
                            }
                            let before = try await ended()
                            try await eventually { try await ended() >= before + 6 && queue.history.outstanding == 0 }
                        }
                        try await queue.progress()
                    }
                }
                try await queue.check(Fault.idleTimeout.rawValue, times: FaultTests.times)
                #expect(queue.history.errors.isEmpty, "\(queue.history.errors)")
                #expect(queue.history.count(.cancelled) == 0)
            }
        }
    }

    /// For longer than leases, and locks without a sign of life: all handlers are cancelled in time.
    @Test(arguments: try await Self.nodes)
    func theServerStandsStillForLongerThanALease(_ server: TestServer) async throws {
        let node = server.nodes[0]
        try await QueueScene.with(server, url: server.url("pool-size=6&connect-timeout=2&deadline=2")) { queue in
            // Many handlers would take longer than the server stands still.
            try await queue.run(work: 15_000, backlog: 40, isTroubled: false) {
                for _ in 0..<FaultTests.times {
                    try await eventually(within: .seconds(60)) { queue.history.running >= 12 }
                    try node.signal(SIGSTOP)
                    let begun = ContinuousClock.now
                    let result = await Result {
                        try await eventually {
                            queue.history.running == 0 && begun + QueueScene.lease * 2 < .now
                        }
                    }
                    try node.signal(SIGCONT)
                    try result.get()
                    try await queue.progress(30)
                }
            }
            try await queue.check("SIGSTOP of the server for longer than a lease", times: FaultTests.times)
            #expect(queue.history.count(.cancelled) >= FaultTests.times)
            let expected: Set<MQError.Code> = [.deadlineExceeded, .connectionFailed, .overloaded]
            #expect(Set(queue.history.errors.keys).isSubset(of: expected), "\(queue.history.errors)")
        }
    }

    /// A message whose handler ends its process is dead after as many attempts as any other.
    @Test(arguments: try await TestServer.all)
    func aMessageThatEndsItsProcessIsDead(_ server: TestServer) async throws {
        try await QueueScene.with(server, queues: 1, workers: 0, { $0.delivery.maximumAttempts = 3 }) { queue in
            await queue.history.send(to: queue.queues[0]) { RecordedMessage(number: $0, isDeadly: true) }
            for round in 0..<queue.options.delivery.maximumAttempts {
                let worker = try queue.startWorker("process \(round)")
                try await eventually { !worker.isRunning }
                await worker.wasKilled()
            }
            try queue.startWorker("the last process")
            await queue.history.send(to: queue.queues[0])
            try await eventually { queue.history.count(.returned) == 1 }
            try await eventually { try await server.sql("SELECT 1 FROM `\(queue.table)`").isEmpty }
            let dead = try await server.sql("SELECT attempts, last_error FROM `\(queue.table)_dead`")
            #expect(dead == [["3", "no worker that had it came to an end"]])
            try await queue.check(
                "a message that ends its process", times: 3, QueueHistoryChecker.Rules(redelivery: .seconds(2)))
        }
    }
}
