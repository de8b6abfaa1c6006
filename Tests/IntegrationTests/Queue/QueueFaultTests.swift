import FedifyKv
import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

/// Each fault of the server or its network, and those of processes that listen, on a queue under load.
@Suite(.serialized) struct QueueFaultTests {
    /// In `QueueLongFaultTests`.
    private static let others: Set<Fault> = [.idleTimeout, .diskFull]

    /// All with `make test-faults`, some of them otherwise.
    static let faults: [Fault] =
        FaultTests.times > 1
        ? (FaultTests.chosen ?? Fault.allCases).filter { !others.contains($0) }
        : [.cut, .killServer, .killQueries]

    @Test(arguments: try await Fault.onEachServer(Self.faults))
    func nothingIsLost(_ server: TestServer, _ fault: Fault) async throws {
        try await FaultScene.with(server, deadline: fault.deadline, callers: 4) { scene in
            try await QueueScene.with(server, url: scene.url) { queue in
                try await queue.run {
                    _ = try await scene.load.run {
                        try await scene.load.begun()
                        for _ in 0..<FaultTests.times {
                            try await queue.progress()
                            try await queue.happen(fault, in: scene)
                        }
                        try await queue.progress()
                    }
                }
                try await queue.check(fault.rawValue, times: FaultTests.times)
                let unexpected = queue.history.errors.filter { error in
                    !fault.errors.contains { $0.rawValue == error.key.rawValue }
                }
                #expect(unexpected.isEmpty, "\(unexpected)")
                #expect(queue.history.longestCall <= fault.deadline + .seconds(1))
            }
        }
    }

    /// Sessions that hold locks of keys end alone: their handlers are cancelled, and others have the keys at once.
    @Test(arguments: try await TestServer.all)
    func locksEndWithTheirSession(_ server: TestServer) async throws {
        let times = FaultTests.times * 3
        try await QueueScene.with(server) { queue in
            try await queue.run(work: 200, backlog: 48) {
                for _ in 0..<times {
                    try await queue.progress(50)
                    try await queue.killLockSessions()
                }
                try await queue.progress(50)
            }
            try await queue.check("KILL of sessions that hold locks", times: times)
            #expect(queue.history.count(.cancelled) >= times)
            #expect(queue.history.errors.isEmpty, "\(queue.history.errors)")
        }
    }

    /// Users with the right to do so write on a server that is read-only for others.
    @Test(arguments: try await TestServer.all)
    func aServerThatIsReadOnlyForOthersIsUsed(_ server: TestServer) async throws {
        try await server.withGlobal("read_only", "1") {
            try await QueueScene.with(server, queues: 1, workers: 0) { queue in
                try await queue.run {
                    try await eventually { queue.history.events.count { $0.kind == .returned && $0.key != nil } >= 20 }
                }
                try await queue.check("read-only for others", times: 1)
            }
        }
    }

    // MARK: - Processes that listen

    private static let redelivery = QueueHistoryChecker.Rules(redelivery: .seconds(2))

    /// The messages of a killed process come to others after its lease.
    @Test(arguments: try await TestServer.all)
    func aKilledProcessLosesNothing(_ server: TestServer) async throws {
        try await QueueScene.with(server, workers: 2) { queue in
            try await queue.run(work: 200, backlog: 24) {
                for round in 0..<max(2, FaultTests.times) {
                    let name = "process \(round)"
                    try await eventually { queue.history.running(in: name) >= 3 }
                    await queue.worker(name)?.kill9()
                    try queue.startWorker("process \(round + 2)")
                    try await queue.progress(50)
                }
            }
            try await queue.check("kill -9 of a listening process", times: max(2, FaultTests.times), Self.redelivery)
            #expect(queue.history.errors.isEmpty)
        }
    }

    /// A process that stands still for longer than its lease: others have its messages, and it knows when it goes on.
    @Test(arguments: try await TestServer.all)
    func aProcessThatStandsStillHandsItsMessagesOn(_ server: TestServer) async throws {
        try await QueueScene.with(server) { queue in
            try await queue.run(work: 200, backlog: 24) {
                for _ in 0..<FaultTests.times {
                    let worker = try #require(queue.worker("process 0"))
                    try await eventually { queue.history.running(in: worker.name) >= 3 }
                    worker.stop()
                    let result = await Result {
                        try await eventually(within: .seconds(30)) { queue.history.allWereGivenAway(by: worker.name) }
                    }
                    worker.goOn()
                    try result.get()
                    // It takes part again.
                    try await eventually { queue.history.running(in: worker.name) >= 3 }
                    try await queue.progress(50)
                }
            }
            try await queue.check("SIGSTOP of a listening process", times: FaultTests.times, Self.redelivery)
            #expect(queue.history.errors.isEmpty)
        }
    }
}

extension FaultScene {
    /// How a client of the load reaches the server.
    var url: String {
        let configuration = pools[0].configuration
        let hosts = proxies.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return "mysql://\(user):\(configuration.password.text)@\(hosts)/\(configuration.database)"
            + "?pool-size=6&connect-timeout=2&deadline=\(configuration.operationTimeout / .seconds(1))"
    }
}

extension QueueHistory {
    /// Whether each message that a process has at a handler has come to one of another process.
    fileprivate func allWereGivenAway(by worker: String) -> Bool {
        let events = events
        var open: [Int: QueueEvent] = [:]
        for event in events where event.worker == worker {
            switch event.kind {
            case .began: open[event.handling ?? 0] = event
            case .returned, .threw, .rejected: open[event.handling ?? 0] = nil
            default: break
            }
        }
        return open.values.allSatisfy { handling in
            events.contains {
                $0.kind == .began && $0.number == handling.number && $0.worker != worker && $0.time > handling.time
            }
        }
    }
}
