import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures this server and this queue together.",
        discussion: """
            Each measurement is of one process, in a table of its own, fedify_mq_bench, which must not exist and is \
            dropped at the end. Run several at a time, with different --table, to measure several queues.

            Examples:
              fedify-mq bench enqueue --callers 64
              fedify-mq bench consume --count 200000 --concurrency 64
              fedify-mq bench ordered --keys 1000 --json
            """,
        subcommands: [
            EnqueueBench.self, ConsumeBench.self, OrderedBench.self, LatencyBench.self, IdleBench.self,
        ])
}

/// The arguments of every measurement.
struct BenchArguments: ParsableArguments {
    @OptionGroup var server: ServerArguments
    @OptionGroup var output: OutputArguments

    @Option(help: "The table, which must not exist.")
    var table = "fedify_mq_bench"

    @Option(help: "The maximum number of connections.")
    var connections = 10

    @Option(help: "The size of a message, in bytes; from 20 to 1048576.")
    var messageSize = 500

    func validate() throws {
        guard (1...10_000).contains(connections) else {
            throw ValidationError("--connections must be from 1 to 10000.")
        }
        guard (20...1 << 20).contains(messageSize) else {
            throw ValidationError("--message-size must be from 20 to 1048576 bytes.")
        }
    }

    /// Creates the table for a measurement, drops it at the end, and prints the figures.
    func measure(_ body: @escaping @Sendable (MySQLMessageQueue) async throws -> [Figures]) async throws {
        let queue = try open()
        if try await isThere(queue) {
            await queue.pool.close()
            throw ValidationError("The table \(table) exists. Choose another by --table.")
        }
        let task = Task {
            try await queue.initialize()
            return try await body(queue)
        }
        Signals.onEach { _ in task.cancel() }
        let result = await task.result
        try await queue.drop()
        await queue.pool.close()
        if task.isCancelled { throw ExitCode(130) }
        let figures = try result.get()
        try output.write(figures, Figures.text(figures))
    }

    /// A queue of its own connections on the table.
    func open() throws -> MySQLMessageQueue {
        var arguments = QueueArguments()
        arguments.server = server
        arguments.table = table
        arguments.clock = .sessionTimeZone
        return try arguments.open(connections: connections)
    }

    private func isThere(_ queue: MySQLMessageQueue) async throws -> Bool {
        for name in [table, table + "_dead"] {
            let rows = try await queue.withConnection { connection in
                try await connection.rows(QueueStatements.tableExists, [.text(name)]).rows
            }
            if !rows.isEmpty { return true }
        }
        return false
    }

    /// A message with a number, filled up to the size.
    func message(_ number: Int) -> JSONValue {
        let head = "{\"n\":\(number),\"fill\":\""
        let fill = String(repeating: "x", count: max(0, messageSize - head.utf8.count - 2))
        return JSONValue(uncheckedJSON: head + fill + "\"}")
    }

    /// Enqueues messages in large calls, from a few callers.
    func fill(_ queue: MySQLMessageQueue, count: Int, key: @escaping @Sendable (Int) -> String? = { _ in nil })
        async throws
    {
        let keys = Dictionary(grouping: 0..<count, by: key)
        if keys.count == 1 { return try await fill(queue, Array(0..<count), keys.keys.first ?? nil) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for (key, numbers) in keys {
                if running == 16 {
                    try await group.next()
                    running -= 1
                }
                group.addTask { try await fill(queue, numbers, key) }
                running += 1
            }
            try await group.waitForAll()
        }
    }

    private func fill(_ queue: MySQLMessageQueue, _ numbers: [Int], _ key: String?) async throws {
        for start in stride(from: 0, to: numbers.count, by: 1000) {
            let page = numbers[start..<min(start + 1000, numbers.count)].map(message)
            try await queue.enqueue(page, delay: .zero, orderingKey: key)
        }
    }
}

/// The figures of a measurement.
struct Figures: Encodable, Sendable {
    let name: String
    let count: Int
    let seconds: Double
    let perSecond: Double
    /// Percentiles of the latency in milliseconds; nil: it wasn't measured.
    var p50: Double?
    var p90: Double?
    var p99: Double?
    var longest: Double?
    /// CPU time of this process for a message, in microseconds.
    var cpuPerMessage: Double?
    /// CPU time of this process in a second, in microseconds.
    var cpuPerSecond: Double?
    /// Statements that the server executed per second.
    var statementsPerSecond: Double?
    /// Messages that were handled more than once.
    var repeated: Int?

    init(_ name: String, count: Int, seconds: Double, latencies: [Duration] = []) {
        self.name = name
        self.count = count
        self.seconds = seconds.rounded(toPlaces: 3)
        perSecond = (Double(count) / max(seconds, 1e-9)).rounded(toPlaces: 1)
        guard !latencies.isEmpty else { return }
        let sorted = latencies.sorted()
        func milliseconds(_ part: Double) -> Double {
            (sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] / .milliseconds(1)).rounded(toPlaces: 3)
        }
        (p50, p90, p99, longest) = (milliseconds(0.5), milliseconds(0.9), milliseconds(0.99), milliseconds(1))
    }

    static func text(_ all: [Figures]) -> String {
        let optional: [(String, (Figures) -> String?)] = [
            ("p50 ms", { $0.p50.map { "\($0)" } }), ("p90 ms", { $0.p90.map { "\($0)" } }),
            ("p99 ms", { $0.p99.map { "\($0)" } }), ("longest ms", { $0.longest.map { "\($0)" } }),
            ("CPU µs each", { $0.cpuPerMessage.map { "\($0)" } }),
            ("CPU µs/s", { $0.cpuPerSecond.map { "\($0)" } }),
            ("statements/s", { $0.statementsPerSecond.map { "\($0)" } }), ("repeated", { $0.repeated.map { "\($0)" } }),
        ]
        let columns = optional.filter { column in all.contains { column.1($0) != nil } }
        let heading = ["", "messages", "s", "messages/s"] + columns.map(\.0)
        return TextTable(
            [heading]
                + all.map { figures in
                    [figures.name, "\(figures.count)", "\(figures.seconds)", "\(figures.perSecond)"]
                        + columns.map { $0.1(figures) ?? "" }
                }
        ).text
    }

    /// CPU time of this process so far, in seconds.
    static func cpuSeconds() -> Double {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
        #else
            getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
