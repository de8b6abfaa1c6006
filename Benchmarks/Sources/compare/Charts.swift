import Workloads

extension Results {
    /// The charts by their file names.
    var charts: [String: String] {
        let drawn: [Contestant] = [.before, .ours, .off, .loops, .cOne, .cMany]
        var charts: [String: String] = [:]
        for (workload, callers) in [("get", [1, 8, 64, 256]), ("set", [1, 64, 256])] {
            let taking = drawn.filter { contestant in callers.contains { score(workload, $0, contestant) != nil } }
            charts["\(server.lowercased())-\(workload).svg"] =
                LineChart(
                    title: "\(workload) on \(server)", positions: callers.map(String.init), positionTitle: "callers",
                    valueTitle: "operations a second",
                    lines: taking.map { contestant in
                        .init(contestant.rawValue, callers.map { score(workload, $0, contestant)?.perSecond })
                    }
                ).svg
        }
        charts["\(server.lowercased())-latency.svg"] =
            LineChart(
                title: "Latency of get on \(server)", positions: ["1", "8", "64", "256"], positionTitle: "callers",
                valueTitle: "milliseconds",
                lines: [Contestant.ours, .off].flatMap { contestant in
                    [("p50", \Score.p50), ("p99", \Score.p99)].map { name, path in
                        LineChart.Line(
                            "\(contestant == .ours ? "ours" : "off"), \(name)",
                            [1, 8, 64, 256].map { score("get", $0, contestant).map { $0[keyPath: path] / 1000 } })
                    }
                }
            ).svg
        return charts
    }

    private func score(_ workload: String, _ callers: Int, _ contestant: Contestant) -> Score? {
        Cell("\(workload):\(callers)@0").flatMap { scores[$0]?[contestant] }
    }
}
