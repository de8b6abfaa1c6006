import Foundation

extension BenchmarkResult {
    /// The measurements as text for people.
    public static func table(_ measurements: [BenchmarkResult]) -> String {
        let header = ["workload", "callers", "per second", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "CPU µs/op"]
        let rows = measurements.map { row in
            [
                row.workload, "\(row.callers)", String(format: "%.0f", row.perSecond),
            ] + [row.p50, row.p90, row.p99, row.p999].map { String(format: "%.0f", $0) }
                + [String(format: "%.1f", row.cpuPerOperation)]
        }
        return aligned([header] + rows)
    }

    /// Columns below each other, the first to the left, the others to the right.
    public static func aligned(_ rows: [[String]]) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + space : space + text
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Operations a second against callers, a line for each workload.
    public static func throughputChart(_ measurements: [BenchmarkResult]) -> String {
        let (workloads, callers) = axes(measurements)
        return LineChart(
            title: "Throughput", positions: callers.map(String.init), positionTitle: "callers",
            valueTitle: "operations a second",
            lines: workloads.map { workload in
                LineChart.Line(workload, callers.map { find(workload, $0, measurements)?.perSecond })
            }
        ).svg
    }

    /// Latency percentiles at the maximum number of callers, a line for each workload.
    public static func latencyChart(_ measurements: [BenchmarkResult]) -> String {
        let (workloads, callers) = axes(measurements)
        let most = callers.last ?? 0
        return LineChart(
            title: "Latency at \(most) callers", positions: ["p50", "p90", "p99", "p99.9"], positionTitle: "percentile",
            valueTitle: "milliseconds",
            lines: workloads.map { workload in
                let found = find(workload, most, measurements)
                return LineChart.Line(
                    workload, [found?.p50, found?.p90, found?.p99, found?.p999].map { $0.map { $0 / 1000 } })
            }
        ).svg
    }

    private static func axes(_ measurements: [BenchmarkResult]) -> (workloads: [String], callers: [Int]) {
        var workloads: [String] = []
        for measurement in measurements where !workloads.contains(measurement.workload) {
            workloads.append(measurement.workload)
        }
        return (workloads, Set(measurements.map(\.callers)).sorted())
    }

    private static func find(_ workload: String, _ callers: Int, _ measurements: [BenchmarkResult]) -> BenchmarkResult?
    {
        measurements.first { $0.workload == workload && $0.callers == callers }
    }
}
