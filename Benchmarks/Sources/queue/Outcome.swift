import Foundation
import Support

/// What one server's trial came to.
struct Outcome {
    /// A row of the table.
    struct Line {
        let row: String
        let ours: String
        let baseline: String
        /// The figure that is held to the goal: the ratio of both, unless it has a unit.
        let seen: Double
        let bound: Bound
        var unit = ""
    }

    let server: String
    var lines: [Line] = []
    /// Errors of `enqueue`, and messages that were delivered more than once.
    var failures = 0
    /// Deadlocks that the server has seen in our statements.
    var deadlocks = 0

    func report(isForUsers: Bool) -> String {
        let rows = all.map { line in
            let cells = [line.row, line.ours, line.baseline] + line.bound.verdict(line.seen, unit: line.unit)
            return isForUsers ? Array(cells.prefix(4)) : cells
        }
        let header = ["messages of 200 bytes", "ours", "baseline", "ratio", "goal", "met"]
        return "### Message queue on \(server)\n\n"
            + markdownTable(isForUsers ? Array(header.prefix(4)) : header, text: 1, rows)
    }

    private var all: [Line] {
        lines + [
            Line(
                row: "deadlocks that reach a caller or a handler", ours: "\(failures)",
                baseline: "\(deadlocks) at the server", seen: Double(failures), bound: .atMost(0))
        ]
    }

    /// A rate against another.
    mutating func compare(
        _ row: String, _ ours: [Double], _ name: String, _ baseline: [Double], atLeast ratio: Double
    ) {
        let (ours, baseline) = (Self.median(ours), Self.median(baseline))
        add(
            Line(
                row: row, ours: "\(Int(ours))/s", baseline: "\(name): \(Int(baseline))/s", seen: ours / baseline,
                bound: .atLeast(ratio)))
    }

    mutating func add(_ line: Line) {
        lines.append(line)
        say("\(line.row): \(line.ours), \(line.baseline), \(String(format: "%.2f", line.seen))\(line.unit)")
    }

    static func median(_ values: [Double]) -> Double { percentile(values, 0.5) }

    static func percentile(_ values: [Double], _ share: Double) -> Double {
        values.isEmpty ? .nan : values.sorted()[min(values.count - 1, Int(Double(values.count) * share))]
    }
}
