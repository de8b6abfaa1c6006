import FedifyKv
import FedifyMQ
import Foundation
import NIOConcurrencyHelpers
import QueueRecording

/// The callers' results of each fault: a line for each on standard output, and in the file that FEDIFY_KV_FAULT_REPORT
/// names, as a row of a Markdown table.
enum FaultReport {
    private static let lock = NIOLockedValueBox(())

    static func add(_ server: TestServer, _ fault: String, times: Int, _ summary: RecordedLoad.Summary, lost: Int) {
        func milliseconds(_ duration: Duration) -> String { "\(Int(duration / .milliseconds(1)))" }
        let errors = summary.errors.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key)" }
        let columns = [
            server.name, fault, "\(times)", "\(summary.operations)", errors.joined(separator: ", "),
            milliseconds(summary.longest), summary.recovery.map(milliseconds) ?? "", "\(lost)",
        ]
        add(columns)
    }

    static func add(_ server: TestServer, _ history: History, _ what: String = "linearizable history") {
        let unknown = history.operations.values.joined().count { $0.returned == nil }
        add([server.name, what, "1", "\(history.count)", "\(unknown) of unknown outcome", "", "", ""])
    }

    static func add(
        _ server: TestServer, _ fault: String, times: Int, _ history: QueueHistory, _ checker: QueueHistoryChecker,
        _ violations: Int
    ) {
        var errors = history.errors.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key)" }
        errors.append("\(checker.repeated) handled twice")
        add([
            server.name, fault, "\(times)", "\(history.count(.returned))", errors.joined(separator: ", "),
            "\(Int(history.longestCall / .milliseconds(1)))", "", "\(violations)",
        ])
    }

    private static func add(_ columns: [String]) {
        let row = "| " + columns.joined(separator: " | ") + " |\n"
        lock.withLockedValue { _ in
            print(row, terminator: "")
            guard let path = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULT_REPORT"],
                let file = fopen(path, "a")
            else { return }
            fputs(row, file)
            fclose(file)
        }
    }
}
