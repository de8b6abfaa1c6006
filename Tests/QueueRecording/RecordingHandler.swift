package import FedifyMQ
import Foundation

/// A handler that records what happens to it.
package struct RecordingHandler: Sendable {
    private struct Failure: Error {}

    private let worker: String
    private let record: @Sendable (QueueEvent) -> Void

    package init(worker: String, _ record: @escaping @Sendable (QueueEvent) -> Void) {
        self.worker = worker
        self.record = record
    }

    package func handle(_ message: RecordedMessage, _ received: ReceivedMessage) async throws {
        let handling = Int.random(in: 1...Int.max)
        @Sendable func note(_ kind: QueueEvent.Kind) {
            let now = QueueEvent.now
            let leaseEnd = received.leasedUntil.map {
                now + Int64(ContinuousClock.now.duration(to: $0) / .nanoseconds(1))
            }
            record(
                QueueEvent(
                    kind, at: now, worker: worker, number: message.number, key: received.orderingKey,
                    handling: handling, leaseEnd: leaseEnd))
        }
        note(.began)
        if message.isDeadly { kill(getpid(), SIGKILL) }
        do {
            try await withTaskCancellationHandler {
                let end = ContinuousClock.now + .milliseconds(message.work)
                var lease = received.leasedUntil
                while .now < end {
                    try await Task.sleep(for: min(.milliseconds(20), ContinuousClock.now.duration(to: end)))
                    if received.leasedUntil != lease {
                        lease = received.leasedUntil
                        note(.leased)
                    }
                }
            } onCancel: {
                note(.cancelled)
            }
            if message.isRejected {
                received.reject("as the message says")
                return note(.rejected)
            }
            if let attempt = received.attempt, attempt <= message.failures { throw Failure() }
            note(.returned)
        } catch {
            note(.threw)
            throw error
        }
    }
}
