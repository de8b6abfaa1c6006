import Workloads
import Foundation

/// What all processes together saw in one round.
struct Round {
    let perSecond: Double
    /// Of the process that fares worst, in microseconds.
    let p50: Double
    let p99: Double
    /// In the order of their begin, each with the number of its process.
    let batches: [(process: Int, batch: SweepBatch)]
    let failedSweeps: Int

    init(_ reports: [Worker.Report]) {
        perSecond = reports.map(\.result.perSecond).reduce(0, +)
        p50 = reports.map(\.result.p50).max() ?? 0
        p99 = reports.map(\.result.p99).max() ?? 0
        batches = reports.enumerated().flatMap { process, report in report.batches.map { (process, $0) } }
            .sorted { $0.1.begin < $1.1.begin }
        failedSweeps = reports.map(\.failedSweeps).reduce(0, +)
    }

    var removed: Int { batches.map(\.batch.removed).reduce(0, +) }

    /// Seconds from the first batch's begin to the last one's end.
    var sweepSeconds: Double {
        guard let first = batches.first, let end = batches.map(\.batch.end).max() else { return 0 }
        return Double(end - first.batch.begin) / 1e9
    }

    /// Batches that began before the one of another process had ended.
    var overlaps: Int { neighbours.count { $0.process != $1.process && $1.batch.begin < $0.batch.end } }

    /// How often the next batch was another process's.
    var handovers: Int { neighbours.count { $0.process != $1.process } }

    private typealias Numbered = (process: Int, batch: SweepBatch)
    private var neighbours: some Sequence<(Numbered, Numbered)> { zip(batches, batches.dropFirst()) }
}
