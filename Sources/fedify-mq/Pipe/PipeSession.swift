import CommandLineSupport
import FedifyMQ
import FedifyMQPipe
import FedifyMySQL

/// The requests of a `fedify-mq pipe`, and what it listens to.
actor PipeSession {
    /// The client asked for another attempt.
    private struct Retried: Error, CustomStringConvertible {
        let description: String
    }

    private let queue: MySQLMessageQueue
    private let deliveries = PipeDeliveries()
    private let failed: @Sendable (any Error) -> Void
    private var listening: Task<Void, Never>?

    /// - Parameters:
    ///   - queue: The queue.
    ///   - failed: Called when listening, or writing of a message, has failed.
    init(_ queue: MySQLMessageQueue, _ failed: @escaping @Sendable (any Error) -> Void) {
        self.queue = queue
        self.failed = failed
    }

    /// Answers a line.
    ///
    /// - Throws: `ExitCode` if the answer can't be written.
    func answer(_ line: LineReader.Line) async throws {
        var id = "null"
        let answer: String
        var concurrency: Int?
        do {
            guard case .text(let bytes) = line else {
                throw MQPipeRequest.Malformed(message: "the line is longer than \(LineReader.entryLength) bytes")
            }
            let request = try MQPipeRequest(bytes)
            id = JSONValue(uncheckedJSON: request.id).oneLine
            let operation = try request.operation()
            answer = PipeAnswer.ok(id, try await carryOut(operation))
            if case .listen(let number) = operation { concurrency = number }
        } catch let error as MQPipeRequest.Malformed {
            answer = PipeAnswer.error(id, code: "badRequest", message: error.message)
        } catch let error as MQError {
            answer = PipeAnswer.error(id, code: error.code.rawValue, message: error.message)
        } catch {
            answer = PipeAnswer.error(id, code: "internal", message: "\(error)")
        }
        try StandardOutput.shared.writeLine(answer)
        // Its messages come after the answer.
        if let concurrency { listen(concurrency) }
    }

    /// The members that an operation adds to its answer.
    private func carryOut(_ operation: MQPipeRequest.Operation) async throws -> String {
        switch operation {
        case .enqueue(let messages, let delay, let orderingKey):
            try await queue.enqueue(messages, delay: delay, orderingKey: orderingKey)
            return ""
        case .depth:
            let depth = try await queue.depth()
            return ",\"queued\":\(depth.queued),\"ready\":\(depth.ready),\"delayed\":\(depth.delayed)"
                + ",\"inWork\":\(depth.inWork),\"dead\":\(depth.dead)"
        case .listen:
            guard listening == nil else { throw MQPipeRequest.Malformed(message: "this pipe listens already") }
            return ""
        case .settle(let id, let outcome):
            try await deliveries.settle(id, outcome)
            return ""
        }
    }

    private func listen(_ concurrency: Int) {
        guard listening == nil else { return }
        let (queue, deliveries, failed) = (queue, deliveries, failed)
        listening = Task {
            do {
                try await queue.listen(concurrency: concurrency) { message in
                    do {
                        try await Self.handle(message, deliveries)
                    } catch let error where !(error is Retried) && !(error is CancellationError) {
                        // The client is gone.
                        failed(error)
                        throw error
                    }
                }
            } catch {
                failed(error)
            }
        }
    }

    private static func handle(_ message: ReceivedMessage, _ deliveries: PipeDeliveries) async throws {
        switch try await deliveries.outcome(of: message) {
        case .done: return
        case .retry(nil, let reason): throw Retried(description: reason ?? "the client asked for another attempt")
        case .retry(let pause?, nil): message.retry(after: pause)
        case .retry(let pause?, let reason?): message.retry(after: pause, reason: reason)
        case .reject(let reason): message.reject(reason ?? "the client rejected it")
        }
    }

    /// Stops listening, and gives back what was not settled.
    func end() async {
        await deliveries.end()
        guard let listening else { return }
        listening.cancel()
        // The second request to stop ends the grace period: nothing more will be settled.
        await queue.close()
        await listening.value
    }
}

/// The messages that the client has.
private actor PipeDeliveries {
    private struct Waiting {
        let number: Int
        let continuation: CheckedContinuation<MQPipeRequest.Outcome, any Error>
    }

    /// By the messages' IDs.
    private var waiting: [String: Waiting] = [:]
    private var lastNumber = 0
    private var isEnding = false

    /// Hands a message to the client, and waits for its decision.
    ///
    /// - Throws: `CancellationError`, or `ExitCode` if it can't be written.
    func outcome(of message: ReceivedMessage) async throws -> MQPipeRequest.Outcome {
        lastNumber += 1
        let number = lastNumber
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                waiting[message.id] = Waiting(number: number, continuation: continuation)
                do {
                    try StandardOutput.shared.writeLine(Self.line(message))
                } catch {
                    waiting[message.id] = nil
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            Task { await self.cancel(message.id, number) }
        }
    }

    private static func line(_ message: ReceivedMessage) -> String {
        let attempt = message.attempt.map(String.init) ?? "null"
        let key = message.orderingKey.map(JSONString.quoted) ?? "null"
        return "{\"message\":\(message.message.oneLine),\"messageId\":\(JSONString.quoted(message.id))"
            + ",\"attempt\":\(attempt),\"orderingKey\":\(key)}"
    }

    private func cancel(_ id: String, _ number: Int) {
        guard let delivery = waiting[id], delivery.number == number else { return }
        waiting[id] = nil
        if !isEnding {
            try? StandardOutput.shared.writeLine("{\"messageId\":\(JSONString.quoted(id)),\"cancelled\":true}")
        }
        delivery.continuation.resume(throwing: CancellationError())
    }

    /// - Throws: `MQError` `leaseLost`.
    func settle(_ id: String, _ outcome: MQPipeRequest.Outcome) throws {
        guard let delivery = waiting.removeValue(forKey: id) else {
            throw MQError(.leaseLost, "no message with this messageId waits to be settled")
        }
        delivery.continuation.resume(returning: outcome)
    }

    /// Nothing is announced from now on.
    func end() {
        isEnding = true
    }
}
