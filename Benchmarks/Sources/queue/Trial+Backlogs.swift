import Foundation
import Support

/// Large backlogs, and what a long history leaves.
extension Trial {
    private static let repeats = 5

    func backlogs() async throws {
        let (small, large) = (settings.small, settings.large)
        // Side by side, so that each round has all.
        let few = Backlog(pool: backlog.pool, table: Self.table + "_few")
        let ready = Backlog(pool: backlog.pool, table: Self.table + "_ready")
        let delayed = Backlog(pool: backlog.pool, table: Self.table + "_delayed")
        try await few.renew(small)
        say("making \(large) ready messages, and \(large) delayed ones")
        try await ready.renew(large)
        try await delayed.renew(small)
        try await delayed.fill(large, delay: 24)
        let isUsedUp = settings.rounds * Self.repeats * small > large
        var (ofFew, ofReady, ofDelayed): ([Double], [Double], [Double]) = ([], [], [])
        try await rounds([
            { [self] in ofFew += try await bursts(few, refills: true) },
            { [self] in ofReady += try await bursts(ready, refills: isUsedUp) },
            { [self] in ofDelayed += try await bursts(delayed, refills: true) },
        ])
        let name = "backlog of \(small)"
        outcome.compare("backlog of \(large) ready", ofReady, name, ofFew, atLeast: 0.9)
        outcome.compare("backlog of \(small) ready and \(large) delayed", ofDelayed, name, ofFew, atLeast: 0.9)
        try await delayed.drop()

        var handled = 0
        var memory = 0
        while handled < settings.handled {
            try await ready.fill(large - ready.count())
            let report = try await self.report(worker(.consume, count: large, table: ready.table))
            guard report.messages >= large else { throw Failure(description: "messages were lost") }
            handled += report.messages
            memory = max(memory, report.memory)
            say("handled \(handled): \(Int(report.perSecond))/s")
        }
        outcome.add(
            Outcome.Line(
                row: "peak memory, backlog of \(large), concurrency 64", ours: "\(memory / 1_000_000) MB",
                baseline: "", seen: Double(memory) / 1e6, bound: .atMost(64), unit: " MB"))
        try await ready.untilPurged(atMost: .seconds(300))
        try await ready.fill(small)
        try await few.renew(small)
        var (fresh, used): ([Double], [Double]) = ([], [])
        try await rounds([
            { [self] in fresh += try await bursts(few, refills: true) },
            { [self] in used += try await bursts(ready, refills: true) },
        ])
        outcome.compare("after \(handled) handled, and a purge", used, "fresh", fresh, atLeast: 0.9)
        try await few.drop()
        try await ready.drop()
    }

    /// - Returns: Messages a second of each burst.
    private func bursts(_ backlog: Backlog, refills: Bool) async throws -> [Double] {
        try await backlog.untilPurged()
        var worker = self.worker(.bursts, count: settings.small * 4 / 5, table: backlog.table)
        (worker.repeats, worker.refills) = (Self.repeats, refills)
        return try await report(worker).samples
    }
}
