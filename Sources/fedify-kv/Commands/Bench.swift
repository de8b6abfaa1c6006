import CommandLineSupport
import ArgumentParser
import Dispatch
import FedifyKv
import FedifyKvBench
import FedifyMySQL
import Foundation
import MySQLClient

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures this server and this store together.",
        discussion: """
            Fills a table of its own, and runs callers on it. Each caller waits for an answer before its next request, \
            so the latencies don't include what callers at a fixed rate would wait (coordinated omission): compare \
            them at the same number of callers. Rates count operations, for list the entries.

            Example:
              fedify-kv bench --workload get --workload set --callers 1 --callers 64 --svg chart.svg
            """)

    @OptionGroup var server: ServerArguments

    @Option(help: "The table, which must not exist.")
    var table = "fedify_kv_bench"

    @Option(
        help:
            "A workload: \(Workload.allCases.map(\.rawValue).joined(separator: ", ")); may be repeated. Default: all."
    )
    var workload: [String] = []

    @Option(help: "The number of callers; may be repeated.")
    var callers: [Int] = [1, 16, 64]

    @Option(help: "The maximum number of connections.")
    var connections = 10

    @Option(help: "The number of documents to load.")
    var keys = 100_000

    @Option(help: "The size of a value, in bytes; at least 500.")
    var valueSize = Documents.size

    @Option(help: "The duration of each measurement, in seconds.")
    var duration = 5.0

    @Option(help: "The warm-up before each measurement, in seconds.")
    var warmUp = 1.0

    @Flag(help: "Sends each operation in a statement of its own.")
    var noCoalescing = false

    @Flag(help: "Keeps the table at the end.")
    var keep = false

    @Option(help: "Writes the measurements to this file as JSON; - for standard output, instead of the table.")
    var json: String?

    @Option(help: "Writes charts of throughput and of latency to this file and its sibling NAME-latency.svg.")
    var svg: String?

    private enum CodingKeys: CodingKey {
        case server, table, workload, callers, connections, keys, valueSize, duration, warmUp, noCoalescing, keep, json,
            svg
    }

    func validate() throws {
        for name in workload where Workload(rawValue: name) == nil {
            throw ValidationError("There is no workload '\(name.prefix(40))'.")
        }
        guard callers.allSatisfy({ (1...10_000).contains($0) }), !callers.isEmpty else {
            throw ValidationError("--callers must be from 1 to 10000.")
        }
        guard (1...100_000_000).contains(keys) else { throw ValidationError("--keys must be from 1 to 100000000.") }
        guard (500...16 << 20).contains(valueSize) else {
            throw ValidationError("--value-size must be from 500 to 16777216 bytes.")
        }
        guard duration > 0, duration <= 86400, warmUp >= 0, warmUp <= 86400 else {
            throw ValidationError("--duration must be more than zero, --warm-up at least zero, both at most a day.")
        }
    }

    func run() async throws {
        var configuration = try server.configuration()
        configuration.pool.maximumConnections = connections
        let pool = try MySQLPool(configuration)
        var options = MySQLKvStoreOptions()
        options.tableName = table
        options.coalescing.isEnabled = !noCoalescing
        options.upkeep.isAutomatic = false
        let kv = try MySQLKvStore(pool, options: options)
        if try await kv.tableExists() {
            throw ValidationError("The table exists. Choose another, or drop it: fedify-kv drop --table …")
        }
        let task = Task { try await measure(kv) }
        let interruption = onInterrupt { task.cancel() }
        let result = await task.result
        interruption.cancel()
        if !keep { try await kv.dropTable() }
        await pool.close()
        switch result {
        case .success(let measurements): try write(measurements)
        case .failure(let error) where KvError(wrapping: error).code == .cancelled: throw ExitCode(130)
        case .failure(let error): throw error
        }
    }

    private func measure(_ kv: MySQLKvStore) async throws -> [BenchmarkResult] {
        var rows = Rows()
        rows.documents = UInt32(keys)
        rows.swapped = callers.max() ?? 1
        rows.valueSize = valueSize
        var loaded = 0
        for (entries, ttl) in rows.chunks {
            try await kv.set(entries: entries, ttl: ttl)
            loaded += entries.count
            progress("loading: \(loaded) rows")
        }
        var measurements: [BenchmarkResult] = []
        let workloads = workload.isEmpty ? Workload.allCases : workload.compactMap(Workload.init(rawValue:))
        for workload in workloads {
            for callers in callers {
                progress("\(workload.rawValue), \(callers) callers")
                let measurement = try await BenchmarkResult.of(
                    workload, on: kv, rows: rows, callers: callers, warmUp: .seconds(warmUp),
                    duration: .seconds(duration))
                try Task.checkCancellation()
                measurements.append(measurement)
            }
        }
        progress("")
        return measurements
    }

    /// A single line that is overwritten, on a terminal; elsewhere a line for each step.
    private func progress(_ text: String) {
        if isatty(2) == 1 {
            FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
        } else if !text.isEmpty {
            standardError(text)
        }
    }

    private func write(_ measurements: [BenchmarkResult]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let encoded = try encoder.encode(measurements) + Data("\n".utf8)
        if json == "-" {
            FileHandle.standardOutput.write(encoded)
        } else {
            print(BenchmarkResult.table(measurements))
            if let json { try encoded.write(to: URL(filePath: json)) }
        }
        guard let svg else { return }
        let url = URL(filePath: svg)
        try Data(BenchmarkResult.throughputChart(measurements).utf8).write(to: url)
        let sibling = url.deletingPathExtension().lastPathComponent + "-latency.svg"
        try Data(BenchmarkResult.latencyChart(measurements).utf8)
            .write(to: url.deletingLastPathComponent().appending(component: sibling))
    }

    private func onInterrupt(_ body: @escaping @Sendable () -> Void) -> any DispatchSourceSignal {
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT)
        source.setEventHandler(handler: body)
        source.resume()
        return source
    }
}
