import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Each fault, under load from many callers in several processes.
@Suite(.serialized) struct FaultTests {
    /// How often each fault happens; `make test-faults` asks for more.
    static let times = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULT_TIMES"].flatMap { Int($0) } ?? 1

    /// Only these faults happen, by the names of their cases; default: all.
    static let chosen = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULTS"].map { names in
        Fault.allCases.filter { names.split(separator: " ").contains("\($0)") }
    }

    /// Resources that the first run of processes opens permanently don't count.
    private static let warmUp = Task {
        try await FaultScene.with(TestServer.all[0], deadline: .seconds(20), callers: 4) { scene in
            _ = try await scene.load.run { try await scene.load.begun() }
        }
    }

    @Test(arguments: try await Fault.onEachServer(Self.chosen ?? Fault.allCases))
    func nothingIsLost(_ server: TestServer, _ fault: Fault) async throws {
        try await Self.warmUp.value
        try await fault.prepared(server) {
            let before = try await Counters(server)
            let rounds = fault.needsNewTable ? Self.times : 1
            for _ in 0..<rounds { try await nothingIsLost(server, fault, times: Self.times / rounds, before) }
            var after = try await Counters(server)
            try await eventually {
                after = try await Counters(server)
                return after.isAtMost(before)
            }
            // A server that was killed has begun to count afresh.
            #expect(after.isAtMost(before), "\(before) \(after)")
        }
    }

    /// A table under load while the fault happens so many times.
    private func nothingIsLost(
        _ server: TestServer, _ fault: Fault, times: Int, _ before: Counters
    ) async throws {
        try await FaultScene.with(server, deadline: fault.deadline, callers: 32, padding: fault.padding) { scene in
            let load = scene.load
            let summary = try await load.run {
                try await load.begun()
                for _ in 0..<times {
                    try await load.progress()
                    try await fault.happen(in: scene)
                    for pool in scene.pools { try await pool.reachesItsFullSize(within: .seconds(5)) }
                }
                try await load.progress()
            }
            let prepared = try await Counters(server).statements - before.statements
            #expect(prepared <= scene.maximumConnections * scene.maximumPreparedStatements)
            let lost = try await load.lost(in: scene.direct)
            FaultReport.add(server, fault.rawValue, times: times, summary, lost: lost.count)
            #expect(lost.isEmpty, "\(lost.prefix(10))")
            #expect(summary.wrong.isEmpty, "\(summary.wrong.prefix(10))")
            let unexpected = summary.errors.filter { !fault.errors.union([.outcomeUnknown]).contains($0.key) }
            #expect(unexpected.isEmpty, "\(summary.messages)")
            #expect(summary.longest <= fault.deadline + .seconds(1))
            let recovery = try #require(summary.recovery)
            // That a connection went silent shows at the deadline of the calls on it; what began on another one
            // just before ends a deadline later.
            let found = fault == .halfOpen ? fault.deadline * 2 : .zero
            #expect(recovery <= .seconds(2) + found)
        }
    }
}

extension MySQLPool {
    /// Waits until as many callers as there may be connections have one each at the same time.
    fileprivate func reachesItsFullSize(within limit: Duration) async throws {
        let size = configuration.pool.maximumConnections
        try await whileBusy(connections: size, within: limit) { #expect(status.connections == size) }
    }
}

/// Resources that must not grow, on the server and in this process.
private struct Counters {
    let statements: Int
    let connections: Int
    /// Each with the target that it leads to.
    let descriptors: [String]
    let threads: Int

    init(_ server: TestServer) async throws {
        func status(_ name: String) async throws -> Int {
            Int(try await server.sql("SHOW GLOBAL STATUS LIKE '\(name)'")[0][1] ?? "") ?? 0
        }
        statements = try await status("Prepared_stmt_count")
        connections = try await status("Threads_connected")
        #if os(Linux)
            let files = FileManager.default
            descriptors = try files.contentsOfDirectory(atPath: "/proc/self/fd").map {
                "\($0) \((try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) ?? "closed")"
            }
            // Foundation keeps some for each thread that has ever waited for a process.
            .filter { !$0.contains("anon_inode:") }.sorted()
            threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        #else
            (descriptors, threads) = ([], 0)
        #endif
    }

    func isAtMost(_ other: Counters) -> Bool {
        // Swift's own threads come and go.
        statements <= other.statements && connections <= other.connections
            && descriptors.count <= other.descriptors.count && threads <= other.threads + 8
    }
}
