import Workloads

extension Results {
    /// The charts by their file names.
    var charts: [String: String] {
        let drawn: [Contestant] = [.ours, .off, .loops, .cOne, .cMany]
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
        let callers = [1, 8, 64, 256]
        charts["\(server.lowercased())-coalescing.svg"] =
            LineChart(
                title: "get on \(server), with and without coalescing", positions: callers.map(String.init),
                positionTitle: "callers", valueTitle: "operations a second",
                lines: [(0, "loopback"), (2000, "2 ms")].flatMap { roundTrip, place in
                    [(Contestant.ours, "on"), (.off, "off")].map { contestant, name in
                        LineChart.Line(
                            "\(name), \(place)",
                            callers.map { score("get", $0, contestant, roundTrip: roundTrip)?.perSecond })
                    }
                }
            ).svg
        return charts
    }

    // The round trip is in microseconds, beyond that of loopback.
    private func score(
        _ workload: String, _ callers: Int, _ contestant: Contestant, roundTrip: Int = 0
    ) -> Score? {
        Cell("\(workload):\(callers)@\(roundTrip)").flatMap { scores[$0]?[contestant] }
    }
}
