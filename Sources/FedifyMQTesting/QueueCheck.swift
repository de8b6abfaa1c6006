import FedifyMQ
import Synchronization

/// One group of promises: its messages, and the means to wait for them.
struct QueueCheck {
    /// A message of the check.
    private struct Probe: Codable {
        let check: String
        let number: Int
    }

    /// Witnesses have numbers from here on.
    static let firstWitness = 1_000_000

    let recorder: ContractRecorder
    let journal = Journal()
    let sender: Sender
    private let contract: MessageQueueContract
    private let witnesses = Numbers(from: firstWitness)

    init(_ contract: MessageQueueContract, _ name: String, _ recorder: ContractRecorder) {
        self.contract = contract
        self.recorder = recorder
        sender = Sender(queue: contract.queue, check: "\(name) \(UInt64.random(in: 0...UInt64.max))")
    }

    /// Enqueues the messages of a check.
    struct Sender: Sendable {
        let queue: any MessageQueue
        let check: String

        /// A message of this check.
        func message(_ number: Int) throws -> JSONValue {
            ["check": JSONValue(stringLiteral: check), "number": JSONValue(integerLiteral: number)]
        }

        func send(
            _ numbers: Int..., delay: Duration = .zero, key: String? = nil
        ) async throws {
            try await send(numbers, delay: delay, key: key)
        }

        func send(_ numbers: [Int], delay: Duration = .zero, key: String? = nil) async throws {
            try await queue.enqueue(try numbers.map(message), delay: delay, orderingKey: key)
        }

        /// The number of a message; nil: it is of another check.
        func number(of message: JSONValue) -> Int? {
            guard let probe = try? JSONCoding.default.decode(message, as: Probe.self), probe.check == check else {
                return nil
            }
            return probe.number
        }
    }

    // MARK: - Listening

    /// Starts to listen. Messages of other checks, which a broken promise may have left, are done at once.
    func listen(
        on queue: (any MessageQueue)? = nil, number listener: Int = 1, concurrency: Int = 1,
        handler: @escaping @Sendable (Journal.Delivery) async throws -> Void = { _ in }
    ) -> Listening {
        Listening(on: queue ?? contract.queue, concurrency: concurrency) { [journal, sender] received in
            guard let number = sender.number(of: received.message) else { return }
            try await journal.handle(.init(number: number, listener: listener, received: received), handler)
        }
    }

    /// Ends what `listen` started, and checks that it has gone on until now.
    func stop(_ listening: Listening) async {
        await recorder.expect("listen runs until its task is cancelled", listening.end, nil)
        journal.releaseAll()
        await cancelled(listening)
    }

    /// Listens while the body runs.
    func listening(
        concurrency: Int = 1, handler: @escaping @Sendable (Journal.Delivery) async throws -> Void = { _ in },
        while body: () async throws -> Void
    ) async throws {
        let listening = listen(concurrency: concurrency, handler: handler)
        do {
            try await body()
        } catch {
            journal.releaseAll()
            listening.cancel()
            throw error
        }
        await stop(listening)
    }

    /// Cancels what `listen` started, and waits for its end.
    func cancelled(_ listening: Listening) async {
        listening.cancel()
        await recorder.expect(
            "listen ends when its task was cancelled and its handlers have ended",
            try await soon { listening.end != nil }, true)
        await recorder.expect("listen returns when it is cancelled", listening.end, "it returned")
    }

    /// Has another message handled: whatever was ready before is handled by then, where one handler runs at a time.
    func witness(_ promise: String = "a message that is ready is handled") async throws {
        let number = witnesses.next()
        try await sender.send(number)
        await recorder.expect(promise, try await soon { journal.ended.contains(number) }, true)
    }

    // MARK: - Waiting

    /// Whether a condition comes true, without time passing by a clock that the test moves.
    func soon(_ condition: () async throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + contract.patience
        var looks = 0
        while try await !condition() {
            guard .now < deadline else { return false }
            looks += 1
            if looks < 100 { await Task.yield() } else { try await Task.sleep(for: .milliseconds(1)) }
        }
        return true
    }

    /// Whether a condition comes true while time passes: so much by the queue's clock, and more on a slow machine.
    func passing(_ limit: Duration, until condition: () -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + contract.patience
        let step = max(.milliseconds(1), limit / 50)
        var passed = Duration.zero
        while !condition() {
            if passed > limit, .now > deadline { return false }
            try await contract.advanceTime(step)
            passed += step
            await yield()
        }
        return true
    }

    /// Lets so much time pass.
    func pass(_ time: Duration) async throws { try await contract.advanceTime(time) }

    /// Gives what should not happen an opportunity to happen.
    func settle() async throws {
        for _ in 0..<10 {
            _ = try await contract.queue.depth()
            await yield()
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func yield() async {
        for _ in 0..<20 { await Task.yield() }
    }

    /// Runs what must happen before a time has passed: with a longer and longer time, until it was quick enough. An
    /// attempt gets the time, the number of the attempt, from 0, and until when it must have done so. It returns
    /// the check to make then; nil: it was not quick enough.
    func before(
        _ promise: String,
        _ attempt: (Duration, Int, ContinuousClock.Instant) async throws -> (() async throws -> Void)?
    ) async throws {
        var time = Duration.milliseconds(400)
        for number in 0..<4 {
            if let judge = try await attempt(time, number, .now + time) { return try await judge() }
            time *= 5
        }
        await recorder.expect("\(promise), and this is seen in time", false, true)
    }
}

/// Ascending numbers.
final class Numbers: Sendable {
    private let last: Mutex<Int>

    init(from first: Int) { last = Mutex(first - 1) }

    func next() -> Int {
        last.withLock { last in
            last += 1
            return last
        }
    }
}
