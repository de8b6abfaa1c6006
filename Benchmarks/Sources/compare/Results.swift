import FedifyKvBench
import Foundation

/// What one server's contest came to.
struct Results {
    let server: String
    let version: String
    var scores: [Cell: [Contestant: Score]] = [:]
    var manyKeys = (ours: 0.0, theirs: 0.0)
    var memoryOfCallers = 0
    var memoryOfOverload = 0
    var memoryOfList = 0
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
        let contestant: String
        let opsPerSecond: Double
        let p50: Double
        let p99: Double
        let cpuPerOperation: Double
    }

    var list: [Row] {
        Contest.cells.flatMap { cell in
            cell.contestants.compactMap { contestant in
                score(cell.workload, cell.callers, contestant).map { score in
                    Row(
                        server: "\(server) \(version)", workload: cell.workload.rawValue, callers: cell.callers,
                        contestant: contestant.rawValue, opsPerSecond: score.perSecond, p50: score.p50, p99: score.p99,
                        cpuPerOperation: score.cpu)
                }
            }
        }
    }

    func score(_ workload: Workload, _ callers: Int, _ contestant: Contestant) -> Score? {
        scores.first { $0.key.workload == workload && $0.key.callers == callers }?.value[contestant]
    }

    func line(_ cell: Cell) -> String {
        let parts = cell.contestants.compactMap { contestant in
            scores[cell]?[contestant].map { "\(contestant.rawValue) \(Int($0.perSecond))" }
        }
        return "\(cell.workload.rawValue), \(cell.callers) callers: " + parts.joined(separator: ", ")
    }

    /// Operations a second of every contestant in every cell, as Markdown.
    var table: String {
        var lines = [
            "| operations a second | callers | ours | observed | coalescing off | C one | C many | p50 / p99 of ours, µs | CPU of ours, µs/op |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for cell in Contest.cells {
            let rates = Contestant.allCases.map { contestant in
                score(cell.workload, cell.callers, contestant).map { String(format: "%.0f", $0.perSecond) } ?? ""
            }
            let ours = score(cell.workload, cell.callers, .ours)
            let latency = ours.map { String(format: "%.0f / %.0f", $0.p50, $0.p99) } ?? ""
            let cpu = ours.map { String(format: "%.1f", $0.cpu) } ?? ""
            lines.append(
                "| \(cell.workload.rawValue) | \(cell.callers) | \(rates.joined(separator: " | ")) | \(latency) | \(cpu) |"
            )
        }
        return lines.joined(separator: "\n")
    }

    /// Each goal, what was seen, and whether it is met, as Markdown.
    var goals: String {
        var lines = ["| goal | seen | met |", "| --- | ---: | --- |"]
        func goal(_ text: String, _ seen: Double?, isLimit: Bool = false, _ bound: Double, unit: String = "×") {
            guard let seen else { return }
            let isMet = isLimit ? seen <= bound : seen >= bound
            lines.append("| \(text) | \(String(format: "%.2f", seen)) \(unit) | \(isMet ? "yes" : "**no**") |")
        }
        func rate(_ workload: Workload, _ callers: Int, _ contestant: Contestant) -> Double? {
            guard let ours = score(workload, callers, .ours), let theirs = score(workload, callers, contestant) else {
                return nil
            }
            return ours.perSecond / theirs.perSecond
        }
        func latency(_ workload: Workload, _ callers: Int, _ contestant: Contestant, _ path: KeyPath<Score, Double>)
            -> Double?
        {
            guard let ours = score(workload, callers, .ours), let theirs = score(workload, callers, contestant) else {
                return nil
            }
            return ours[keyPath: path] / theirs[keyPath: path]
        }
        goal("get, 64 callers: 3.5 × C one", rate(.get, 64, .cOne), 3.5)
        goal("get, 256 callers: 4.5 × C one", rate(.get, 256, .cOne), 4.5)
        goal("get, 256 callers: 0.85 × C many", rate(.get, 256, .cMany), 0.85)
        goal("get-missing, 64 callers: 3.5 × C one", rate(.getMissing, 64, .cOne), 3.5)
        goal("set, 64 callers: 3.5 × C one", rate(.set, 64, .cOne), 3.5)
        goal("set-ttl, 64 callers: 3.5 × C one", rate(.setTTL, 64, .cOne), 3.5)
        goal("set, 256 callers: 0.85 × C many", rate(.set, 256, .cMany), 0.85)
        goal("cas, 64 callers: 2 × a C transaction", rate(.cas, 64, .cOne), 2)
        goal("get, 1 caller: p50 at most 1.2 × C", latency(.get, 1, .cOne, \.p50), isLimit: true, 1.2)
        goal("set, 1 caller: p50 at most 1.1 × C", latency(.set, 1, .cOne, \.p50), isLimit: true, 1.1)
        goal("get, 16 callers: p99 at most that with coalescing off", latency(.get, 16, .off, \.p99), isLimit: true, 1)
        goal("list: 0.8 × C with one SELECT", rate(.list, 1, .cOne), 0.8)
        goal("set of 100,000 entries in one call: 0.9 × C many", manyKeys.ours / manyKeys.theirs, 0.9)
        goal("CPU of a get, 64 callers: under 15 µs", score(.get, 64, .ours)?.cpu, isLimit: true, 15, unit: "µs")
        goal("memory of 256 callers: under 64 MB", Double(memoryOfCallers) / 1e6, isLimit: true, 64, unit: "MB")
        // Most of it is the callers' own: a task of 6 KB, a key and a value each.
        goal(
            "memory of \(Memory.overloadingCallers) callers, who are too many: under 10 kB each",
            Double(memoryOfOverload) / Double(Memory.overloadingCallers) / 1e3, isLimit: true, 10, unit: "kB")
        goal(
            "memory of a list of \(listedRows) rows: under 40 MB", Double(memoryOfList) / 1e6, isLimit: true, 40,
            unit: "MB")
        return lines.joined(separator: "\n")
    }

    /// The charts by their file names.
    var charts: [String: String] {
        var charts: [String: String] = [:]
        for (workload, callers) in [(Workload.get, [1, 16, 64, 256]), (.set, [1, 64, 256])] {
            charts["\(server.lowercased())-\(workload.rawValue).svg"] =
                LineChart(
                    title: "\(workload.rawValue) on \(server)", positions: callers.map(String.init),
                    positionTitle: "callers", valueTitle: "operations a second",
                    lines: Contestant.allCases.filter { $0 != .observed }.map { contestant in
                        .init(contestant.rawValue, callers.map { score(workload, $0, contestant)?.perSecond })
                    }
                ).svg
        }
        let callers = [1, 16, 64, 256]
        charts["\(server.lowercased())-latency.svg"] =
            LineChart(
                title: "Latency of get on \(server)", positions: callers.map(String.init), positionTitle: "callers",
                valueTitle: "milliseconds",
                lines: [Contestant.ours, .off].flatMap { contestant in
                    [("p50", \Score.p50), ("p99", \Score.p99)].map { name, path in
                        LineChart.Line(
                            "\(contestant == .ours ? "ours" : "off"), \(name)",
                            callers.map { score(.get, $0, contestant).map { $0[keyPath: path] / 1000 } })
                    }
                }
            ).svg
        return charts
    }
}
