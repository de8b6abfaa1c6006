import FedifyMQ
import FedifyMySQL
import Foundation
import Support
import Synchronization

/// One of our processes.
struct Worker: Codable {
    static let argument = "worker"

    enum Job: String, Codable {
        /// Handles messages until ``Worker/count`` are, or none has come for a while.
        case consume
        /// Handles ``Worker/count`` messages, again and again; the times are the samples.
        case bursts
        /// Enqueues, one message each of many callers at a time.
        case enqueue
        /// The same, and handles them.
        case steady
        /// From `enqueue` to the handler, and a `set` of the store beside each; the samples.
        case latency, set
        /// From one queue to another one, which hears of nothing.
        case remote
        /// From the end of `enqueue` to an idle listener of another queue.
        case late
        case idle
    }

    let url: String
    let table: String
    let job: Job
    var count = 0
    var seconds = 0.0
    /// Of `bursts`: how many, and whether what they handle is filled up again.
    var repeats = 1
    var refills = false
    /// By ``now()``: when several processes begin.
    var start = 0.0

    /// What it prints in the end.
    struct Report: Codable {
        var messages = 0
        var began = 0.0
        var ended = 0.0
        /// In seconds.
        var samples: [Double] = []
        /// Errors of `enqueue`, and deliveries after the first one of a message.
        var failures = 0
        /// Of an idle listener: statements, and share of a core.
        var statementsPerSecond = 0.0
        var cpu = 0.0
        /// The most memory that the process had.
        var memory = 0

        var perSecond: Double { Double(messages) / (ended - began) }
    }

    /// Starts a process that does this. Its task is in the environment: other users can't read that.
    func process() throws -> ChildProcess {
        let task = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        return try ChildProcess([Self.argument], environment: ["QUEUE_WORKER": task])
    }

    /// Does it in a process of its own.
    func report() throws -> Report { try Self.report(of: process()) }

    static func report(of process: ChildProcess) throws -> Report {
        try JSONDecoder().decode(Report.self, from: process.output())
    }

    /// What such a process does.
    static func main() async throws {
        let task = ProcessInfo.processInfo.environment["QUEUE_WORKER"] ?? ""
        var report = try await JSONDecoder().decode(Worker.self, from: Data(task.utf8)).run()
        report.memory = try peakMemory()
        FileHandle.standardOutput.write(try JSONEncoder().encode(report))
    }

    private func run() async throws -> Report {
        let pool = try Backlog.pool(url)
        let queue = try self.queue(pool)
        // Connected before it counts.
        _ = try await queue.depth()
        try await Task.sleep(for: .seconds(max(0, start - Self.now())))
        let report: Report =
            switch job {
            case .consume: try await consume(queue)
            case .bursts: try await bursts(queue)
            case .enqueue: try await enqueue(queue)
            case .steady: try await steady(queue)
            case .latency: try await latency(queue)
            case .set: try await sets(pool)
            case .remote: try await remote(queue, pause: .milliseconds(20))
            case .late: try await remote(queue, pause: .seconds(2))
            case .idle: try await idle(queue)
            }
        await queue.close()
        await pool.close()
        return report
    }

    func queue(_ pool: MySQLPool) throws -> MySQLMessageQueue {
        var options = MySQLMessageQueueOptions()
        options.tableName = table
        options.pollInterval = Settings.pollInterval
        return try MySQLMessageQueue(pool, options: options)
    }

    /// Listens while something else is done.
    func listening<T>(
        _ queue: MySQLMessageQueue, _ handler: @escaping @Sendable (ReceivedMessage) -> Void,
        _ body: () async throws -> T
    ) async throws -> T {
        let listener = Task { try await queue.listen(concurrency: Settings.concurrency) { handler($0) } }
        let result = try await body()
        listener.cancel()
        try await listener.value
        return result
    }

    /// Seconds on the clock that all processes of a machine share.
    static func now() -> Double { seconds(CLOCK_MONOTONIC) }

    static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// What the kernel says. (`getrusage` counts what the process was before it ran this program.)
    private static func peakMemory() throws -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
}

/// Counts what handlers do.
final class Tally: Sendable {
    private let handled = Atomic(0)
    private let again = Atomic(0)
    private let last = Atomic<UInt64>(0)

    var count: Int { handled.load(ordering: .relaxed) }
    /// Deliveries after the first one of a message.
    var redelivered: Int { again.load(ordering: .relaxed) }
    /// When the last one came.
    var ended: Double { Double(bitPattern: last.load(ordering: .relaxed)) }

    func add(_ message: ReceivedMessage) {
        handled.add(1, ordering: .relaxed)
        if message.attempt != 1 { again.add(1, ordering: .relaxed) }
        last.store(Worker.now().bitPattern, ordering: .relaxed)
    }
}
