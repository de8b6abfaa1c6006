public import FedifyMQ

/// What every `MessageQueue` promises, as one check that an author of a queue runs from a test:
///
/// ```swift
/// @Test func keepsTheContract() async throws {
///     var options = DeliveryOptions()
///     options.maximumAttempts = 3
///     options.gracePeriod = .milliseconds(300)
///     try await MessageQueueContract(of: MyQueue(options), options: options).check()
/// }
/// ```
///
/// The queue must be empty, and no one else may use it: the check takes every message that it finds. It leaves the
/// queue empty, except for dead messages.
///
/// The options decide what is checked. Run it with either value of `whenFailed`, and once with a `handlerTimeout`: of
/// at least 5 seconds, where the clock is a real one. Short times make the check quick: it waits for `gracePeriod`,
/// `minimumBackoff` and `handlerTimeout` to pass.
public struct MessageQueueContract: Sendable {
    let queue: any MessageQueue
    let other: any MessageQueue
    let options: DeliveryOptions
    let concurrency: Int
    let patience: Duration
    let advanceTime: @Sendable (Duration) async throws -> Void

    /// A check of a queue.
    ///
    /// - Parameters:
    ///   - queue: The queue.
    ///   - other: Another handle of the same queue, as another process has it; nil: the queue itself.
    ///   - options: The options with which the queue was made; with at least 2 attempts.
    ///   - concurrency: How many handlers run at the same time where many do, at least 4.
    ///   - patience: How long the check waits for what should happen at once, in real time. Only a queue that breaks a
    ///     promise takes so long.
    ///   - advanceTime: Lets this much time pass by the queue's clock: a test that moves the clock says how. By default
    ///     it waits.
    public init(
        of queue: any MessageQueue,
        and other: (any MessageQueue)? = nil,
        options: DeliveryOptions = DeliveryOptions(),
        concurrency: Int = 8,
        patience: Duration = .seconds(30),
        advanceTime: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        precondition(concurrency >= 4, "ordering keys are looked at with 4 handlers and more")
        precondition(options.maximumAttempts >= 2, "the check has messages tried again")
        self.queue = queue
        self.other = other ?? queue
        self.options = options
        self.concurrency = concurrency
        self.patience = patience
        self.advanceTime = advanceTime
    }

    /// Checks every promise.
    ///
    /// - Throws: `ContractViolation`, which names all that were broken.
    public func check() async throws {
        let recorder = ContractRecorder()
        let groups: [(name: String, check: (QueueCheck) async throws -> Void)] = [
            ("messages", checkMessages), ("typed messages", checkTypedMessages), ("refusals", checkRefusals),
            ("many messages", checkMany), ("order", checkOrder), ("delays", checkDelays), ("depth", checkDepth),
            ("concurrency", checkConcurrency), ("waking", checkWaking), ("two listeners", checkTwoListeners),
            ("ordering keys", checkOrderingKeys), ("keys at work", checkKeysAtWork),
            ("keys of two listeners", checkKeysOfTwoListeners), ("floods", checkFloods),
            ("failures", checkFailures), ("dead messages", checkDeadMessages), ("retries", checkRetries),
            ("failed keys", checkFailedKeys), ("time limits", checkTimeLimit), ("grace period", checkGracePeriod),
            ("cancelled handlers", checkCancelledHandlers),
        ]
        await recorder.expect("the queue is empty before the check", try await queue.depth().queued, 0)
        // Messages of others are not to be touched.
        if recorder.broken.isEmpty {
            for group in groups {
                await recorder.group(group.name) { recorder in
                    try await group.check(QueueCheck(self, group.name, recorder))
                }
            }
            await recorder.group("the end") { recorder in
                let check = QueueCheck(self, "the end", recorder)
                _ = try await check.soon { try await queue.depth().queued == 0 }
                await recorder.expect(
                    "no message is left when all were handled", try await queue.depth().queued, 0)
            }
        }
        try recorder.report("MessageQueue that the queue broke")
    }
}

extension ContractRecorder {
    /// A promise that an operation is refused.
    func refuses(_ promise: String, _ code: MQError.Code, _ operation: () async throws -> Void) async {
        await refuses(promise, code, in: { ($0 as? MQError)?.code }, operation)
    }
}
