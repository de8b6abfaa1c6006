import Foundation

/// Figures that the system reports about a process of a test. (Linux: proc_pid_status(5).)
protocol ProcessStatus {
    var processID: Int32 { get }
}

extension ProcessStatus {
    /// A number of the process; sizes in KiB.
    func status(_ name: String) -> Int? {
        let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
    }

    /// How many descriptors it has open.
    var descriptorCount: Int? {
        try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(processID)/fd").count
    }
}
