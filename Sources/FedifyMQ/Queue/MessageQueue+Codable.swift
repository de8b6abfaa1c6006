extension MessageQueue {
    /// Enqueues a message, encoded as JSON by the queue's ``coding``; a `JSONValue` as it is.
    ///
    /// - Parameters:
    ///   - message: The message. An array is several messages; to send an array as one, encode it as a `JSONValue`.
    ///   - delay: How long it is not to be delivered.
    ///   - orderingKey: Messages of one key are handled one at a time and in order.
    /// - Throws: ``MQError`` `invalidMessage` if it can't be written as JSON, and what
    ///   the untyped one throws.
    public func enqueue<Message: Encodable>(
        _ message: Message, delay: Duration = .zero, orderingKey: String? = nil
    ) async throws(MQError) {
        try await enqueue([encoded(message)], delay: delay, orderingKey: orderingKey)
    }

    /// Enqueues messages, encoded as JSON by the queue's ``coding``: all, or none. They keep their order.
    ///
    /// - Parameters:
    ///   - messages: The messages.
    ///   - delay: How long they are not to be delivered.
    ///   - orderingKey: Messages of one key are handled one at a time and in order.
    /// - Throws: As for a single one.
    public func enqueue<Message: Encodable>(
        _ messages: [Message], delay: Duration = .zero, orderingKey: String? = nil
    ) async throws(MQError) {
        var values: [JSONValue] = []
        values.reserveCapacity(messages.count)
        for message in messages { values.append(try encoded(message)) }
        try await enqueue(values, delay: delay, orderingKey: orderingKey)
    }

    private func encoded(_ message: some Encodable) throws(MQError) -> JSONValue {
        do {
            return try coding.encode(message)
        } catch {
            throw MQError(.invalidMessage, "the message can't be written as JSON", underlyingError: error)
        }
    }

    /// Handles messages of a type, decoded by the queue's ``coding``. See ``listen(concurrency:handler:)``.
    ///
    /// A message that doesn't decode counts as one whose handler failed: another version of the program may be able to
    /// read it.
    ///
    /// - Parameters:
    ///   - type: The type of the messages.
    ///   - concurrency: The maximum number of handlers that run at a time, at least 1.
    ///   - handler: Handles one message.
    /// - Throws: ``MQError`` `invalidConfiguration` or `closed`, at the start.
    public func listen<Message: Decodable & Sendable>(
        for type: Message.Type = Message.self, concurrency: Int = 16,
        handler: @escaping @Sendable (Message, ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        let coding = coding
        try await listen(concurrency: concurrency) { received in
            let message: Message
            do {
                message = try coding.decode(received.message, as: type)
            } catch {
                throw MQError(.decodingFailed, "the message doesn't decode as \(type)", underlyingError: error)
            }
            try await handler(message, received)
        }
    }
}
