import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import QueueRecording

/// Listens until its input ends, and writes what happens as lines of JSON. For the tests of processes that are killed or
/// stopped. From the environment: QUEUE_URL, QUEUE_TABLE, QUEUE_LEASE (seconds), QUEUE_ATTEMPTS, QUEUE_CONCURRENCY,
/// QUEUE_WORKER.
@main struct QueueWorker {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let pool = try MySQLPool(url: environment["QUEUE_URL"] ?? "")
        var options = MySQLMessageQueueOptions()
        options.tableName = environment["QUEUE_TABLE"] ?? options.tableName
        options.delivery.lease = .seconds(environment["QUEUE_LEASE"].flatMap { Int64($0) } ?? 3)
        options.delivery.maximumAttempts = environment["QUEUE_ATTEMPTS"].flatMap { Int($0) } ?? 10
        options.delivery.minimumBackoff = .milliseconds(50)
        options.delivery.maximumBackoff = .milliseconds(500)
        let queue = try MySQLMessageQueue(pool, options: options)
        let handler = RecordingHandler(worker: environment["QUEUE_WORKER"] ?? "") { event in
            guard var line = try? JSONEncoder().encode(event) else { return }
            line.append(UInt8(ascii: "\n"))
            // Short lines: each reaches the pipe as a whole.
            _ = line.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
        }
        let concurrency = environment["QUEUE_CONCURRENCY"].flatMap { Int($0) } ?? 8
        let listening = Task {
            try await queue.listen(for: RecordedMessage.self, concurrency: concurrency) { message, received in
                try await handler.handle(message, received)
            }
        }
        Thread.detachNewThread {
            _ = try? FileHandle.standardInput.readToEnd()
            listening.cancel()
        }
        try await listening.value
        await pool.close()
    }
}
