import Workloads
import Foundation

/// What a trial came to.
struct TrialResult {
    let server: String
    let size: TrialSize
    var liveBefore = 0
    var rowsAfter = 0
    var expiredAfter = 0
    /// Rounds before there were expired rows; with them, the sweepers off; and on, for the whole of the round.
    var before: [Round] = []
    var off: [Round] = []
    var on: [Round] = []
    /// The round in which the sweep came to its end.
    var last: Round?

    /// How much the p99 may grow by a sweep.
    private static let limit = 1.5

    init(server: String, size: TrialSize) {
        self.server = server
        self.size = size
    }

    var report: String {
        "### \(server)\n\n\(table)\n\n\(sweep)\n\n\(goals)"
    }

    private static func median(_ rounds: [Round], _ path: KeyPath<Round, Double>) -> Double {
        rounds.isEmpty ? .nan : rounds.map { $0[keyPath: path] }.sorted()[rounds.count / 2]
    }

    private var table: String {
        let rows = [("no expired rows", before), ("sweepers off", off), ("sweepers on", on)].map { name, rounds in
            let medians = [\Round.perSecond, \.p50, \.p99].map { String(format: "%.0f", Self.median(rounds, $0)) }
            let p99s = rounds.map(\.p99).sorted()
            let range = String(format: "%.0f to %.0f", p99s.first ?? .nan, p99s.last ?? .nan)
            return "| \(name) | \(rounds.count) | \(medians.joined(separator: " | ")) | \(range) |"
        }
        return """
            | sets with a ttl | rounds | a second | p50, µs | p99, µs | p99 of the rounds, µs |
            | --- | ---: | ---: | ---: | ---: | ---: |
            \(rows.joined(separator: "\n"))
            """
    }

    private var sweeps: [Round] { on + [last].compactMap(\.self) }

    private var sweep: String {
        let seconds = sweeps.map(\.sweepSeconds).reduce(0, +)
        let removed = sweeps.map(\.removed).reduce(0, +)
        let batches = sweeps.flatMap(\.batches).map(\.batch)
        let times = batches.map { Double($0.end - $0.begin) / 1e6 }.sorted()
        let sizes = batches.map(\.removed).sorted()
        func middle<T>(_ sorted: [T]) -> T? { sorted.isEmpty ? nil : sorted[sorted.count / 2] }
        let share = times.reduce(0, +) / 10 / seconds
        return """
            \(removed) rows were removed in \(String(format: "%.0f", seconds)) s of sweeping, \
            \(String(format: "%.0f", Double(removed) / seconds)) a second, by \(batches.count) batches. A batch removed \
            \(middle(sizes) ?? 0) rows in \(String(format: "%.1f", middle(times) ?? 0)) ms (medians), \
            \(sizes.last ?? 0) rows and \(String(format: "%.1f", times.last ?? 0)) ms at the most; batches took \
            \(String(format: "%.0f", share)) % of the time. The next batch was another process's \
            \(sweeps.map(\.handovers).reduce(0, +)) times; \(sweeps.map(\.failedSweeps).reduce(0, +)) sweeps failed.
            """
    }

    /// Each goal, what was seen, and whether it is met, as Markdown.
    private var goals: String {
        let (quiet, sweeping) = (Self.median(off, \.p99), Self.median(on, \.p99))
        let early = Self.median(before, \.p99)
        let live = rowsAfter - expiredAfter
        let overlaps = sweeps.map(\.overlaps).reduce(0, +)
        func ratio(_ baseline: Double) -> String { String(format: "%.2f ×", sweeping / baseline) }
        let goals: [(String, String, Bool)] = [
            ("p99 at most 1.5 × that with the sweepers off", ratio(quiet), sweeping <= Self.limit * quiet),
            ("p99 at most 1.5 × that without expired rows", ratio(early), sweeping <= Self.limit * early),
            ("batches that began while another process's was under way: none", "\(overlaps)", overlaps == 0),
            ("expired rows in the end: none", "\(expiredAfter)", expiredAfter == 0),
            ("live rows in the end: \(liveBefore)", "\(live)", live == liveBefore),
        ]
        return "| goal | seen | met |\n| --- | ---: | --- |\n"
            + goals.map { "| \($0) | \($1) | \($2 ? "yes" : "**no**") |" }.joined(separator: "\n")
    }
}
