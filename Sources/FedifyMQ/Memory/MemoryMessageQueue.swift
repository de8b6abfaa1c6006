#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A queue in this process's memory: for tests, and for messages that may be lost with the process.
///
/// It keeps every promise of ``MessageQueue``; its clock can be one that a test moves, such as `ManualClock` of the
/// product `FedifyMQTesting`. Delays, pauses between attempts, time limits and the grace period are by this clock.
/// Dead messages stay in memory too.
public actor MemoryMessageQueue<C: Clock>: MessageQueue where C.Duration == Duration {
    /// A handler at work.
    private struct Work {
        let delivery: Delivery
        let timeout: Task<Void, Never>?
    }

    /// A call of `listen`.
    private struct Listener {
        let concurrency: Int
        let handler: @Sendable (ReceivedMessage) async throws -> Void
        var work: [Int: Work] = [:]
        var isStopping = false
        /// Cancels the handlers when the grace period is over.
        var grace: Task<Void, Never>?
        var end: CheckedContinuation<Void, Never>?

        var isFree: Bool { !isStopping && work.count < concurrency }
    }

    /// How typed messages are encoded and decoded.
    public nonisolated let coding: JSONCoding
    private let clock: C
    private let options: DeliveryOptions
    private var backlog: MemoryBacklog<C.Instant>
    private var listeners: [Int: Listener] = [:]
    private var lastListener = 0
    /// Wakes the listeners when the next message is due.
    private var alarm: (due: C.Instant, task: Task<Void, Never>)?

    /// An empty queue that delivers as the default options say.
    ///
    /// - Parameters:
    ///   - clock: The clock by which messages are due.
    ///   - coding: How typed messages are encoded and decoded.
    public init(clock: C = ContinuousClock(), coding: JSONCoding = .default) {
        self.init(clock: clock, valid: DeliveryOptions(), coding: coding)
    }

    /// An empty queue.
    ///
    /// - Parameters:
    ///   - clock: The clock by which messages are due.
    ///   - options: How it delivers. There are no leases: a message is its handler's until that has ended.
    ///   - coding: How typed messages are encoded and decoded.
    /// - Throws: ``MQError`` `invalidConfiguration`.
    public init(
        clock: C = ContinuousClock(), options: DeliveryOptions, coding: JSONCoding = .default
    ) throws(MQError) {
        try options.validate()
        self.init(clock: clock, valid: options, coding: coding)
    }

    private init(clock: C, valid options: DeliveryOptions, coding: JSONCoding) {
        self.clock = clock
        self.options = options
        self.coding = coding
        backlog = MemoryBacklog(options: options)
    }

    /// Enqueues messages: all, or none. They keep their order.
    ///
    /// - Throws: ``MQError`` `invalidMessage`, `invalidDelay` or `invalidOrderingKey`.
    public func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError) {
        let delay = try MessageDelay(delay)
        try OrderingKey.check(orderingKey)
        for message in messages { _ = try message.messageSummary() }
        let now = Date.now
        let year10000 = Date(timeIntervalSince1970: 253_402_300_800)
        guard now.addingTimeInterval(Double(delay.microseconds) / 1e6) < year10000 else { throw MessageDelay.tooLong }

        let due = clock.now.advanced(by: delay.duration)
        let ids = MessageID.make(messages.count, at: Int64(now.timeIntervalSince1970 * 1e6))
        for (id, message) in zip(ids, messages) {
            backlog.add(id: id, message, orderingKey: orderingKey, due: due)
        }
        dispatch()
    }

    /// Handles messages. See ``MessageQueue/listen(concurrency:handler:)``.
    ///
    /// It returns when all its handlers have ended, also those that ignore that they were cancelled.
    ///
    /// - Throws: ``MQError`` `invalidConfiguration`, at the start.
    public func listen(
        concurrency: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) async throws(MQError) {
        guard concurrency >= 1 else {
            throw MQError(.invalidConfiguration, "the concurrency is \(concurrency); it must be at least 1")
        }
        guard !Task.isCancelled else { return }
        lastListener += 1
        let id = lastListener
        listeners[id] = Listener(concurrency: concurrency, handler: handler)
        await withShutdownHandler {
            dispatch()
            await withCheckedContinuation { end in
                listeners[id]?.end = end
                endIfIdle(id)
            }
        } onShutdown: {
            Task { await self.stop(id) }
        }
    }

    /// How many messages there are. It takes time in proportion to their number.
    public func depth() async throws(MQError) -> QueueDepth {
        backlog.depth(at: clock.now)
    }

    /// The dead messages, in the order in which they died.
    public func deadMessages() -> [DeadMessage] { backlog.dead }

    // MARK: - Handlers

    /// Gives messages that are due to handlers that are free.
    private func dispatch() {
        let now = clock.now
        while let listener = freeListener(), let (number, message) = backlog.take(at: now) {
            start(number, message, at: now, listener)
        }
        setAlarm()
    }

    /// The listener that has the least to do, if it can take another message.
    private func freeListener() -> Int? {
        listeners.filter(\.value.isFree).min { ($0.value.work.count, $0.key) < ($1.value.work.count, $1.key) }?.key
    }

    private func start(
        _ number: Int, _ message: MemoryBacklog<C.Instant>.Message, at now: C.Instant, _ listener: Int
    ) {
        guard let handler = listeners[listener]?.handler else { return }
        let delivery = Delivery(
            ReceivedMessage(
                id: message.id, message: message.value, orderingKey: message.orderingKey, attempt: message.attempts,
                control: DeliveryControl()))
        let timeout = options.handlerTimeout.map { limit in
            after(limit, from: now) { delivery.stop(.timedOut) }
        }
        listeners[listener]?.work[number] = Work(delivery: delivery, timeout: timeout)
        delivery.start(handler) { _, outcome in await self.ended(number, outcome ?? .release, listener) }
    }

    private func ended(_ number: Int, _ outcome: DeliveryOutcome, _ listener: Int) {
        listeners[listener]?.work.removeValue(forKey: number)?.timeout?.cancel()
        backlog.settle(number, outcome, at: clock.now)
        endIfIdle(listener)
        dispatch()
    }

    // MARK: - Stopping

    private func stop(_ id: Int) {
        guard let listener = listeners[id] else { return }
        // At the second shutdown the grace period is over.
        guard !listener.isStopping else { return cancelHandlers(of: id) }
        listeners[id]?.isStopping = true
        listeners[id]?.grace = after(options.gracePeriod, from: clock.now) { await self.cancelHandlers(of: id) }
        endIfIdle(id)
        // The alarm is for those that go on.
        setAlarm()
    }

    private func cancelHandlers(of id: Int) {
        for work in (listeners[id]?.work ?? [:]).values { work.delivery.stop(.shutdown) }
    }

    private func endIfIdle(_ id: Int) {
        guard let listener = listeners[id], listener.isStopping, listener.work.isEmpty, let end = listener.end else {
            return
        }
        listener.grace?.cancel()
        listeners[id] = nil
        end.resume()
    }

    // MARK: - Time

    private func setAlarm() {
        let due = freeListener() == nil ? nil : backlog.nextDue()
        guard alarm?.due != due else { return }
        alarm?.task.cancel()
        alarm = nil
        guard let due else { return }
        // Centuries overflow what some clocks count in.
        let now = clock.now
        let task = after(min(now.duration(to: due), .seconds(3600)), from: now) { await self.alarmRang() }
        alarm = (due, task)
    }

    private func alarmRang() {
        // Another one may have been set since.
        guard !Task.isCancelled else { return }
        alarm = nil
        dispatch()
    }

    /// Runs an action at a time, unless its task was cancelled.
    private func after(
        _ duration: Duration, from now: C.Instant, _ action: @escaping @Sendable () async -> Void
    ) -> Task<Void, Never> {
        Task { [clock] in
            guard (try? await clock.sleep(until: now.advanced(by: duration), tolerance: nil)) != nil else { return }
            await action()
        }
    }
}
