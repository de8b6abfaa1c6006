import Workloads
import FedifyMySQL
import Foundation
import Support

/// One of the processes that share the table: its callers write, and its sweeper is on or off.
struct Worker: Codable {
    static let argument = "worker"

    let url: String
    let table: String
    let firstCaller: Int
    let callers: Int
    let warmUp: Double
    let seconds: Double
    let sweeps: Bool

    /// What it prints in the end.
    struct Report: Codable {
        let result: BenchmarkResult
        let batches: [SweepBatch]
        let failedSweeps: Int
    }

    /// Starts a process that does this. Its task is in the environment: other users can't read that.
    func start() throws -> ChildProcess {
        let task = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        return try ChildProcess([Self.argument], environment: ["UPKEEP_WORKER": task])
    }

    /// What such a process does.
    static func main() async throws {
        let task = ProcessInfo.processInfo.environment["UPKEEP_WORKER"] ?? ""
        let report = try await JSONDecoder().decode(Worker.self, from: Data(task.utf8)).run()
        FileHandle.standardOutput.write(try JSONEncoder().encode(report))
    }

    private func run() async throws -> Report {
        let log = SweepLog()
        var options = MySQLKvStoreOptions()
        options.tableName = table
        // It sweeps when it is told to, and tries again soon if another process does.
        options.upkeep.isAutomatic = false
        options.upkeep.interval = .seconds(1)
        let kv = try MySQLKvStore(MySQLPool(url: url, logger: log.logger), options: options)
        _ = try await load(kv, warmUp)
        let upkeep = sweeps ? Task { await kv.run() } : nil
        let result = try await load(kv, seconds)
        upkeep?.cancel()
        await upkeep?.value
        await kv.pool.close()
        return Report(result: result, batches: log.seen.batches, failedSweeps: log.seen.failures)
    }

    private func load(_ kv: MySQLKvStore, _ seconds: Double) async throws -> BenchmarkResult {
        try await BenchmarkResult.of(
            .setTTL, on: kv, rows: TrialSize.rows, callers: callers, firstCaller: firstCaller, warmUp: .zero,
            duration: .seconds(seconds))
    }
}
