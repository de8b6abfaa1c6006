import FedifyKv
import FedifyMySQL
import Foundation
import Workloads

/// One version of the library in a process of its own, so that several versions can take turns on one server. What it
/// measured comes out as a line of JSON; of memory, a number of bytes.
@main
enum Contestant {
    /// What a workload reached: latencies in microseconds, this process's CPU in microseconds for an operation.
    struct Outcome: Encodable {
        let operations: Int
        let seconds: Double
        let p50: Double
        let p90: Double
        let p99: Double
        let cpu: Double

        var line: String {
            get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
        }
    }

    static func main() async {
        do {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            if let workload = Workload(rawValue: options.command) {
                print(try await run(workload, options).line)
            } else if options.command == "set-many" {
                print(try await setMany(options).line)
            } else if let loading = Loading(rawValue: options.command) {
                try await loading.run(options)
            } else if let memory = Memory(rawValue: options.command) {
                print(try await memory.bytes(options))
            } else {
                throw Failure("there is no command \(options.command)")
            }
        } catch {
            FileHandle.standardError.write(Data("contestant: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func run(_ workload: Workload, _ options: Options) async throws -> Outcome {
        let kv = try options.store()
        let result = try await BenchmarkResult.of(
            workload, on: kv, rows: options.workloadRows, callers: options.callers, warmUp: .seconds(options.warmUp),
            duration: .seconds(options.seconds), executors: options.executors)
        await kv.pool.close()
        return Outcome(
            operations: result.operations, seconds: result.seconds, p50: result.p50, p90: result.p90, p99: result.p99,
            cpu: result.cpuPerOperation)
    }

    /// All documents overwritten in one call.
    private static func setMany(_ options: Options) async throws -> Outcome {
        let kv = try options.store()
        _ = try await kv.get(Documents.document(0))
        let version = UInt32.random(in: 1...UInt32.max)
        let entries = (0..<UInt32(options.rows)).map { i in
            KvEntry(key: Documents.document(i), value: Documents.value(i, version: version))
        }
        // The CPU time of this process.
        let busy = clock()
        let start = ContinuousClock.now
        try await kv.set(entries: entries)
        let seconds = start.duration(to: .now) / .seconds(1)
        let cpu = Double(clock() - busy) * 1e6 / Double(CLOCKS_PER_SEC)
        await kv.pool.close()
        return Outcome(
            operations: entries.count, seconds: seconds, p50: seconds * 1e6, p90: seconds * 1e6, p99: seconds * 1e6,
            cpu: cpu / Double(entries.count))
    }
}
