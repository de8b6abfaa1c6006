import FedifyMQ
import FedifyMySQL
import Foundation
import QueueRecording

/// A process that listens, and can be killed or stopped.
final class QueueWorkerProcess: Sendable, ProcessStatus {
    let name: String
    private let process = Process()
    private let input = Pipe()
    private let history: QueueHistory
    private let ended = Gate()

    init(
        _ name: String, url: String, concurrency: Int, _ options: MySQLMessageQueueOptions, _ history: QueueHistory
    ) throws {
        self.name = name
        self.history = history
        process.executableURL = CommandLineTool.executable.deletingLastPathComponent().appendingPathComponent(
            "queue-worker")
        process.environment = ProcessInfo.processInfo.environment.merging([
            "QUEUE_URL": url, "QUEUE_TABLE": options.tableName, "QUEUE_CONCURRENCY": "\(concurrency)",
            "QUEUE_LEASE": "\(options.delivery.lease.components.seconds)",
            "QUEUE_ATTEMPTS": "\(options.delivery.maximumAttempts)", "QUEUE_WORKER": name,
        ]) { $1 }
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let handle = output.fileHandleForReading
        Thread.detachNewThread { [history, ended] in
            var buffer = Data()
            while case let chunk = handle.availableData, !chunk.isEmpty {
                buffer.append(chunk)
                while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                    if let event = try? JSONDecoder().decode(QueueEvent.self, from: buffer[buffer.startIndex..<end]) {
                        history.record(event)
                    }
                    buffer.removeSubrange(buffer.startIndex...end)
                }
            }
            ended.open()
        }
    }

    /// Ends the process as a crash would.
    func kill9() async {
        let time = QueueEvent.now
        kill(process.processIdentifier, SIGKILL)
        // Whatever it wrote comes before.
        await ended.pass()
        process.waitUntilExit()
        history.record(QueueEvent(.killed, at: time, worker: name))
    }

    var processID: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// Notes the end of a process that has ended itself as a crash would.
    func wasKilled() async {
        await ended.pass()
        process.waitUntilExit()
        history.record(QueueEvent(.killed, worker: name))
    }

    /// Has the process stand still.
    func stop() {
        history.record(QueueEvent(.stopped, worker: name))
        kill(process.processIdentifier, SIGSTOP)
    }

    func goOn() {
        history.record(QueueEvent(.resumed, worker: name))
        kill(process.processIdentifier, SIGCONT)
    }

    /// Ends the process in order.
    func close() async {
        try? input.fileHandleForWriting.close()
        await ended.pass()
        process.waitUntilExit()
    }
}
