public import FedifyMQ
import MySQLClient
import NIOConcurrencyHelpers

extension MySQLMessageQueue {
    /// Handles messages until the task is cancelled, the queue is closed, or the process shuts down in order (with the
    /// trait ServiceLifecycle). See `MessageQueue.listen(concurrency:handler:)`.
    ///
    /// - A failure of a connection, of the server or of a handler doesn't end it.
    /// - Handlers that return at the same time are settled together; there is no transaction open while a handler runs.
    /// - When it is to end, no more messages are claimed, handlers have `DeliveryOptions.gracePeriod` to end and are
    ///   cancelled then, and messages that were not handled go back to the queue at once. It returns when all handlers
    ///   have ended.
    ///
    /// - Parameters:
    ///   - concurrency: The maximum number of handlers that run at a time, from 1 to 10,000.
    ///   - handler: Handles one message.
    /// - Throws: `MQError` `invalidConfiguration` or `closed`, at the start.
    public func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        guard (1...10_000).contains(concurrency) else {
            throw MQError(.invalidConfiguration, "the concurrency must be from 1 to 10000")
        }
        try await perform(listening) {
            let listener = Listener(self, concurrency: concurrency, handler: handler)
            let id = ObjectIdentifier(listener)
            listeners.withLockedValue { $0[id] = listener }
            defer { listeners.withLockedValue { $0[id] = nil } }
            if listening.isClosed { await listener.stop() }
            await withShutdownHandler {
                await listener.run()
            } onShutdown: {
                Task { await listener.stop() }
            }
        }
    }
}
