/// A message queue in the manner of Fedify's `MessageQueue` that delivers at least once: enqueue now or with a delay,
/// in order where an ordering key asks for it, and listen.
///
/// A message that was enqueued is handled until a handler has returned, or until it is dead: out of attempts, or
/// rejected. It can be handled twice, for example if a process ends between a handler's return and the deletion of the
/// message: handlers should be idempotent.
///
/// Every operation throws ``MQError``.
public protocol MessageQueue: Sendable {
    /// How typed messages are encoded and decoded; `JSONCoding.default` unless the queue has another one.
    var coding: JSONCoding { get }

    /// Enqueues messages: all, or none. They keep their order.
    ///
    /// - Parameters:
    ///   - messages: The messages. None: nothing is done.
    ///   - delay: How long they are not to be delivered, rounded up to a microsecond.
    ///   - orderingKey: Messages of one key are handled one at a time and in order, over all processes. nil: no order,
    ///     and any number at a time.
    /// - Throws: ``MQError`` `invalidMessage`, `unsupportedMessage`, `messageTooLarge`, `invalidDelay`,
    ///   `invalidOrderingKey`, and what the queue says.
    func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError)

    /// Handles messages until the task is cancelled, or the queue is closed. A failure of a handler, of a connection or
    /// of a server doesn't end it.
    ///
    /// - Parameters:
    ///   - concurrency: The maximum number of handlers that run at a time, at least 1.
    ///   - handler: Handles one message. When it returns the message is done. When it throws it is delivered again
    ///     later, as the queue's ``DeliveryOptions`` say. Its task is cancelled when it should stop: it has lost the
    ///     message to another handler, its time is over, or the process shuts down.
    /// - Throws: ``MQError`` `invalidConfiguration` or `closed`, at the start.
    func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError)

    /// How many messages there are.
    func depth() async throws(MQError) -> QueueDepth
}

extension MessageQueue {
    /// The default coding.
    public var coding: JSONCoding { .default }

    /// Handles messages as they are, 16 at a time. See ``listen(concurrency:handler:)``.
    public func listen(
        handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        try await listen(concurrency: 16, handler: handler)
    }
}
