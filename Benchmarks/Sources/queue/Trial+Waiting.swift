import Foundation
import Support

/// Parts in which there is little to do.
extension Trial {
    func waiting() async throws {
        try await backlog.renew(0)
        var (sets, ours, remote): ([Double], [Double], [Double]) = ([], [], [])
        try await rounds([
            { [self] in sets += try await report(worker(.set, count: settings.latencies)).samples },
            { [self] in ours += try await report(worker(.latency, count: settings.latencies)).samples },
            { [self] in remote += try await report(worker(.remote, count: settings.latencies)).samples },
        ])
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let (set, handler) = (Outcome.percentile(sets, share), Outcome.percentile(ours, share))
            outcome.add(
                Outcome.Line(
                    row: "enqueue to handler, same process, \(name)", ours: Self.milliseconds(handler),
                    baseline: "set: \(Self.milliseconds(set))",
                    seen: share == 0.5 ? handler / set : (handler - set) * 1000,
                    bound: share == 0.5 ? .atMost(1.5) : .atMost(5), unit: share == 0.5 ? "" : " ms more"))
        }
        let p50 = Outcome.median(remote)
        outcome.add(
            Outcome.Line(
                row: "enqueue to handler, another process, 50 messages a second, p50", ours: Self.milliseconds(p50),
                baseline: "", seen: p50 * 1000, bound: .atMost(15), unit: " ms"))
        let late = try await report(worker(.late, count: settings.lateMessages)).samples.max() ?? .nan
        outcome.add(
            Outcome.Line(
                row: "the same, idle before, longest", ours: Self.milliseconds(late), baseline: "", seen: late * 1000,
                bound: .atMost(Settings.pollInterval / .milliseconds(1)), unit: " ms"))
        var idle = worker(.idle)
        idle.seconds = settings.idleSeconds
        let listener = try await report(idle)
        outcome.add(
            Outcome.Line(
                row: "an idle listener, statements a second",
                ours: String(format: "%.1f", listener.statementsPerSecond), baseline: "",
                seen: listener.statementsPerSecond, bound: .atMost(10), unit: "/s"))
        outcome.add(
            Outcome.Line(
                row: "an idle listener, share of a core", ours: String(format: "%.2f %%", listener.cpu * 100),
                baseline: "", seen: listener.cpu * 100, bound: .atMost(0.5), unit: " %"))
    }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.2f ms", seconds * 1000) }
}
