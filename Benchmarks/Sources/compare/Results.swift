import Foundation
import Support

/// What one server's contest came to.
struct Results {
    let server: String
    let version: String
    var scores: [Cell: [Contestant: Score]] = [:]
    /// In bytes.
    var memory: [MemoryUse: [Contestant: Int]] = [:]
    var listedRows = 0

    init(server: String, version: String) {
        self.server = server
        self.version = version
    }

    /// A line of the list that OUT is written with.
    struct Row: Encodable {
        let server: String
        let workload: String
        let callers: Int
        let roundTrip: Int
        let isEncrypted: Bool
        let contestant: String
        let opsPerSecond: Double
        let p50: Double
        let p99: Double
        let cpuPerOperation: Double
    }

    func list(_ cells: [Cell]) -> [Row] {
        each(cells).map { cell, contestant, score in
            Row(
                server: "\(server) \(version)", workload: cell.workload, callers: cell.callers,
                roundTrip: cell.roundTrip, isEncrypted: cell.isEncrypted, contestant: contestant.rawValue,
                opsPerSecond: score.perSecond, p50: score.p50, p99: score.p99, cpuPerOperation: score.cpu)
        }
    }

    func line(_ cell: Cell) -> String {
        let parts = each([cell]).map { "\($0.1.rawValue) \(Int($0.2.perSecond))" }
        return "\(cell.title): " + parts.joined(separator: ", ")
    }

    /// Tables as Markdown: every contestant in every cell, and the memory.
    ///
    /// - Parameters:
    ///   - cells: The cells.
    ///   - isForUsers: Without the version before, and without the project's goals.
    /// - Returns: The tables.
    func report(_ cells: [Cell], isForUsers: Bool) -> String {
        var figures: [[String]] = []
        var last: Cell?
        for (cell, contestant, score) in each(cells) where !(isForUsers && contestant.isBefore) {
            figures.append(
                [cell == last ? "" : cell.title, contestant.rawValue]
                    + [score.perSecond, score.p50, score.p99].map { String(format: "%.0f", $0) }
                    + [String(format: "%.1f", score.cpu)])
            last = cell
        }
        var goals = Goals.all.flatMap { goal in
            goal.cells.filter(cells.contains).compactMap { goal.outcome($0, self) }
        }
        for (use, megabytes) in Goals.memory {
            guard let bytes = memory[use]?[.ours] else { continue }
            goals.append(
                [use.title(self), Contestant.ours.rawValue, "", ""]
                    + Bound.atMost(megabytes).verdict(Double(bytes) / 1e6, unit: " MB"))
        }
        let memoryRows = MemoryUse.allCases.flatMap { use in
            Contestant.allCases.filter { !(isForUsers && $0.isBefore) }.compactMap { contestant in
                memory[use]?[contestant].map { [use.title(self), contestant.rawValue, "\($0 / 1_000_000)"] }
            }
        }
        return [
            "### \(server) \(version)",
            markdownTable(
                ["workload, callers, round trip", "contestant", "ops/s", "p50, µs", "p99, µs", "CPU, µs/op"], text: 2,
                figures),
            markdownTable(["memory", "contestant", "MB"], text: 2, memoryRows),
            isForUsers
                ? "" : markdownTable(["cell", "contestant", "figure", "of", "ratio", "goal", "met"], text: 4, goals),
        ].filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private func each(_ cells: [Cell]) -> [(Cell, Contestant, Score)] {
        cells.flatMap { cell in
            cell.contestants.compactMap { contestant in scores[cell]?[contestant].map { (cell, contestant, $0) } }
        }
    }
}
