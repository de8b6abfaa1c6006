import Dispatch
import Logging
import Synchronization

/// Hears from the store's logger what the sweeper does.
final class SweepLog: Sendable {
    private let batches = Mutex<[SweepBatch]>([])
    private let failures = Mutex(0)

    var logger: Logger {
        Logger(label: "upkeep") { _ in Handler(log: self) }
    }

    /// The batches that removed something, and how many sweeps failed.
    var seen: (batches: [SweepBatch], failures: Int) {
        (batches.withLock { $0.filter { $0.removed > 0 } }, failures.withLock { $0 })
    }

    private func hear(_ message: String, _ metadata: Logger.Metadata) {
        switch message {
        case "batch of expired rows removed":
            func number(_ name: String) -> Int { metadata[name].flatMap { Int("\($0)") } ?? 0 }
            let end = DispatchTime.now().uptimeNanoseconds
            let batch = SweepBatch(
                begin: end - UInt64(number("mysql_microseconds")) * 1000, end: end, removed: number("mysql_removed"))
            batches.withLock { $0.append(batch) }
        case "sweep failed": failures.withLock { $0 += 1 }
        default: break
        }
    }

    private struct Handler: LogHandler {
        let log: SweepLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.hear("\(event.message)", event.metadata ?? [:])
        }
    }
}
