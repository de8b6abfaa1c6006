import FedifyKv
import FedifyKvBench
import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

private let isSoaking = ProcessInfo.processInfo.environment["FEDIFY_KV_SOAK_SECONDS"] != nil

/// Full load with random faults, for as long as FEDIFY_KV_SOAK_SECONDS says: what is used must not grow.
/// `make soak` runs it.
@Suite(.enabled(if: isSoaking, "`make soak` runs it")) struct SoakTests {
    static let duration = Duration.seconds(
        ProcessInfo.processInfo.environment["FEDIFY_KV_SOAK_SECONDS"].flatMap { Int($0) } ?? 0)

    /// Where the charts go; nil: nowhere.
    private static let chartFolder = ProcessInfo.processInfo.environment["FEDIFY_KV_SOAK_CHARTS"]

    /// Those that need no preparation of the server, and whose load is any.
    private static let faults = Fault.allCases.filter { $0 != .diskFull && $0 != .idleTimeout }

    /// All servers at the same time.
    @Test func nothingGrows() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in try await TestServer.all { group.addTask { try await soak(server) } }
            try await group.waitForAll()
        }
    }

    private func soak(_ server: TestServer) async throws {
        let deadline = Duration.seconds(2)
        try await FaultScene.with(server, deadline: deadline, callers: 32) { scene in
            try await QueueScene.with(server, url: scene.url, { $0.delivery.lease = deadline * 3 }) { queue in
                try await soak(server, scene, queue, deadline)
            }
        }
    }

    private func soak(
        _ server: TestServer, _ scene: FaultScene, _ queue: QueueScene, _ deadline: Duration
    ) async throws {
        let load = scene.load
        let begun = ContinuousClock.now
        let end = begun + Self.duration
        var (samples, times): ([Sample], Int) = ([], 0)
        var faults: [(begun: Duration, fault: Fault)] = []
        let rates = Task { await RateSample.take(of: load, queue.history, since: begun) }
        // Few messages at a time: all that happens is kept.
        let summary = try await queue.run(work: 100, backlog: 24) {
            try await load.run {
                try await load.begun()
                while .now < end {
                    let pause = Duration.seconds(Double.random(in: 2...6))
                    try await Task.sleep(for: pause)
                    samples.append(try await Sample(scene, queue, after: begun.duration(to: .now)))
                    let fault = Self.faults.randomElement()!
                    faults.append((begun.duration(to: .now), fault))
                    try await fault.happen(in: scene)
                    if fault == .lockedRows { try await queue.happen(fault, in: scene) }
                    times += 1
                }
                try await load.progress()
            }
        }
        try await queue.check("soak of \(Self.duration)", times: times)
        let lost = try await load.lost(in: scene.direct)
        FaultReport.add(server, "soak of \(Self.duration)", times: times, summary, lost: lost.count)
        rates.cancel()
        if let folder = Self.chartFolder {
            try Sample.draw(samples, of: server, in: folder)
            try await RateSample.draw(rates.value, faults, of: server, in: folder)
        }
        #expect(lost.isEmpty, "\(lost.prefix(10))")
        #expect(summary.wrong.isEmpty, "\(summary.wrong.prefix(10))")
        #expect(summary.longest <= deadline + .seconds(1))
        let third = samples.count / 3
        for (name, value) in Sample.quantities {
            func median(_ samples: ArraySlice<Sample>) -> Double { samples.map(value).sorted()[samples.count / 2] }
            let (early, late) = (median(samples.dropFirst(third / 4).prefix(third)), median(samples.suffix(third)))
            #expect(late <= early * 1.1 + 4, "\(name): \(early), later \(late)")
        }
    }
}

/// The resources of the load's clients in other processes, and of the server.
private struct Sample: Sendable {
    let time: Duration
    /// Of all processes, in MiB.
    let memory: Double
    let threads: Double
    let descriptors: Double
    let statements: Double

    static let quantities: [(String, @Sendable (Sample) -> Double)] = [
        ("memory, MiB", { $0.memory }), ("threads", { $0.threads }), ("descriptors", { $0.descriptors }),
        ("prepared statements", { $0.statements }),
    ]

    init(_ scene: FaultScene, _ queue: QueueScene, after time: Duration) async throws {
        self.time = time
        let processes: [any ProcessStatus] =
            scene.stores.compactMap { $0 as? PipeProcess } + queue.workers.withLockedValue(\.self)
        func sum(_ value: (any ProcessStatus) -> Int?) -> Double { Double(processes.compactMap(value).reduce(0, +)) }
        memory = sum { $0.status("VmRSS") } / 1024
        threads = sum { $0.status("Threads") }
        descriptors = sum { $0.descriptorCount }
        let status = try await scene.server.sql("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
        statements = status.first?[1].flatMap { Double($0) } ?? 0
    }

    /// A chart of everything over time, of sixty positions.
    static func draw(_ samples: [Sample], of server: TestServer, in folder: String) throws {
        let count = 60
        let step = SoakTests.duration / count
        let groups = (0..<count).map { position in
            samples.filter { $0.time >= step * position && $0.time < step * (position + 1) }
        }
        let chart = LineChart(
            title: "\(server.name): three processes under load and faults",
            positions: (0..<count).map { $0 % 10 == 0 ? "\(Int(step * $0 / .seconds(60)))" : "" },
            positionTitle: "minutes", valueTitle: "the most",
            lines: quantities.map { name, value in .init(name, groups.map { $0.map(value).max() }) })
        let name = server.name.lowercased()
        try Data(chart.svg.utf8).write(to: URL(fileURLWithPath: "\(folder)/soak-\(name).svg"))
    }
}

/// How many operations were answered, and messages handled, until a time.
private struct RateSample: Sendable {
    let time: Duration
    let operations: Int
    let messages: Int

    private static let interval = Duration.milliseconds(500)

    /// Samples until the task is cancelled.
    static func take(
        of load: RecordedLoad, _ history: QueueHistory, since begun: ContinuousClock.Instant
    ) async -> [RateSample] {
        var samples: [RateSample] = []
        while (try? await Task.sleep(for: interval)) != nil {
            samples.append(
                RateSample(
                    time: begun.duration(to: .now), operations: load.summary.operations,
                    messages: history.count(.returned)))
        }
        return samples
    }

    /// A chart of two minutes in the middle, with the faults.
    static func draw(
        _ samples: [RateSample], _ faults: [(begun: Duration, fault: Fault)], of server: TestServer, in folder: String
    ) throws {
        let count = min(240, samples.count - 1)
        let shown = Array(samples.dropFirst((samples.count - count) / 2).prefix(count + 1))
        guard let first = shown.first, let last = shown.last, count > 1 else { return }
        func rates(_ count: (RateSample) -> Int) -> [Double] {
            zip(shown, shown.dropFirst()).map { before, after in
                Double(count(after) - count(before)) / ((after.time - before.time) / .seconds(1))
            }
        }
        let width = (last.time - first.time) / Double(count)
        let marks = faults.filter { $0.begun >= first.time && $0.begun <= last.time }.map { begun, fault in
            (position: (begun - first.time) / width - 0.5, name: fault.rawValue)
        }
        let chart = LineChart(
            title: "\(server.name): two minutes of faults",
            positions: (0..<count).map { $0 % 20 == 0 ? "\(Int((width * $0) / .seconds(1)))" : "" },
            positionTitle: "seconds", valueTitle: "a second",
            lines: [
                .init("operations of 32 callers in three processes", rates(\.operations)),
                .init("messages of 24 handlers in two processes", rates(\.messages)),
            ], marks: marks)
        try Data(chart.svg.utf8).write(
            to: URL(fileURLWithPath: "\(folder)/soak-\(server.name.lowercased())-rate.svg"))
    }
}
