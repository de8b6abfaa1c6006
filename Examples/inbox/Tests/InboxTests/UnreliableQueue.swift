import FedifyMQ
import Synchronization

/// A queue that fails at one call of `enqueue`: the messages are not there, or they are and the caller doesn't know.
final class UnreliableQueue: MessageQueue {
    private let queue: any MessageQueue
    private let failing: Int
    private let isEnqueued: Bool
    private let calls = Mutex(0)

    init(_ queue: any MessageQueue, failingAt call: Int, isEnqueued: Bool) {
        (self.queue, failing, self.isEnqueued) = (queue, call, isEnqueued)
    }

    func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError) {
        let call = calls.withLock { calls in
            calls += 1
            return calls
        }
        if call != failing || isEnqueued {
            try await queue.enqueue(messages, delay: delay, orderingKey: orderingKey)
        }
        if call == failing { throw MQError(.deadlineExceeded, "no answer in time") }
    }

    func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        try await queue.listen(concurrency: concurrency, handler: handler)
    }

    func depth() async throws(MQError) -> QueueDepth { try await queue.depth() }
}
