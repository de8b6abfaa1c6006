import FedifyMQ
import FedifyMQTesting
import Synchronization
import Testing

@Suite struct MemoryMessageQueueTests {
    private static func options(_ whenFailed: DeliveryOptions.FailedKey) -> DeliveryOptions {
        var options = DeliveryOptions()
        options.maximumAttempts = 3
        options.whenFailed = whenFailed
        return options
    }

    private func listen(
        _ queue: any MessageQueue, _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) -> Task<Void, any Error> {
        Task { try await queue.listen(handler: handler) }
    }

    @Test(arguments: DeliveryOptions.FailedKey.allCases)
    func keepsTheContract(_ whenFailed: DeliveryOptions.FailedKey) async throws {
        var options = Self.options(whenFailed)
        options.minimumBackoff = .milliseconds(20)
        options.maximumBackoff = .milliseconds(100)
        options.gracePeriod = .milliseconds(300)
        let queue = try MemoryMessageQueue(options: options)
        try await MessageQueueContract(of: queue, options: options).check()
    }

    @Test(arguments: DeliveryOptions.FailedKey.allCases, [nil, Duration.seconds(60)])
    func keepsTheContractByAClockThatATestMoves(
        _ whenFailed: DeliveryOptions.FailedKey, _ handlerTimeout: Duration?
    ) async throws {
        var options = Self.options(whenFailed)
        options.handlerTimeout = handlerTimeout
        let clock = ManualClock()
        let queue = try MemoryMessageQueue(clock: clock, options: options)
        try await MessageQueueContract(of: queue, options: options) { clock.advance(by: $0) }.check()
    }

    @Test func delaysAreToTheMicrosecond() async throws {
        let clock = ManualClock()
        let queue = MemoryMessageQueue(clock: clock)
        try await queue.enqueue(1, delay: .seconds(10))
        clock.advance(by: .seconds(10) - .microseconds(1))
        #expect(try await queue.depth() == QueueDepth(queued: 1, delayed: 1))
        clock.advance(by: .microseconds(1))
        #expect(try await queue.depth() == QueueDepth(queued: 1, ready: 1))
    }

    /// The pauses between attempts, and the reason of the death.
    @Test func pausesAreAsTheOptionsSay() async throws {
        var options = DeliveryOptions()
        options.maximumAttempts = 4
        let clock = ManualClock()
        let queue = try MemoryMessageQueue(clock: clock, options: options)
        let begun = Mutex<[ManualClock.Instant]>([])
        try await queue.enqueue("m", orderingKey: "k")
        let listening = listen(queue) { message in
            begun.withLock { $0.append(clock.now) }
            throw MQError(.serverError, "attempt \(message.attempt ?? 0)")
        }
        for attempt in 1...4 {
            while begun.withLock(\.count) < attempt {
                clock.advance(by: .milliseconds(1))
                // Until the handler has ended, and the queue sleeps until the next attempt.
                for _ in 0..<20 { await Task.yield() }
            }
        }
        while try await queue.depth().dead == 0 { await Task.yield() }
        let times = begun.withLock { $0 }
        for (attempt, (time, next)) in zip(times, times.dropFirst()).enumerated() {
            // As much as a busy machine moves the clock too far.
            #expect(time.duration(to: next) <= options.minimumBackoff * (1 << attempt) + .milliseconds(500))
        }
        let dead = await queue.deadMessages()
        #expect(dead.map(\.message) == ["m"])
        #expect(dead.map(\.orderingKey) == ["k"])
        #expect(dead.map(\.attempts) == [4])
        #expect(dead.map(\.reason) == ["serverError: attempt 4"])
        listening.cancel()
        try await listening.value
    }

    /// A delivery that a shutdown ended is no failure.
    @Test func aReleasedDeliveryIsNotCounted() async throws {
        var options = DeliveryOptions()
        options.maximumAttempts = 1
        options.gracePeriod = .zero
        let queue = try MemoryMessageQueue(options: options)
        let attempts = Mutex<[Int?]>([])
        try await queue.enqueue("m")
        for round in 1...3 {
            let listening = listen(queue) { message in
                attempts.withLock { $0.append(message.attempt) }
                try await Task.sleep(for: .seconds(60))
            }
            while attempts.withLock(\.count) < round { try await Task.sleep(for: .milliseconds(1)) }
            listening.cancel()
            try await listening.value
        }
        #expect(attempts.withLock { $0 } == [1, 1, 1])
        #expect(try await queue.depth() == QueueDepth(queued: 1, ready: 1))
    }

    @Test func aReasonIsCut() async throws {
        let queue = MemoryMessageQueue()
        try await queue.enqueue("m")
        let listening = listen(queue) { $0.reject(String(repeating: "e\u{301}", count: 1000)) }
        while try await queue.depth().dead == 0 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(await queue.deadMessages()[0].reason.unicodeScalars.count == 1000)
        listening.cancel()
        try await listening.value
    }

    @Test func wrongOptionsAreRefused() {
        var options = DeliveryOptions()
        options.maximumAttempts = 0
        #expect(throws: MQError.self) { try MemoryMessageQueue(options: options) }
    }

    /// Messages that are locked or delayed are not looked at again and again.
    @Test func aBacklogOfManyKeysIsHandledInTime() async throws {
        let queue = MemoryMessageQueue()
        let handled = Atomic(0)
        let messages = (0..<20).map { JSONValue(integerLiteral: $0) }
        for key in 0..<1000 { try await queue.enqueue(messages, delay: .zero, orderingKey: "\(key)") }
        try await queue.enqueue(messages, delay: .seconds(3600), orderingKey: "0")
        let begun = ContinuousClock.now
        let listening = listen(queue) { _ in handled.add(1, ordering: .relaxed) }
        while handled.load(ordering: .relaxed) < 20_000 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(ContinuousClock.now - begun < .seconds(20))
        listening.cancel()
        try await listening.value
    }
}
