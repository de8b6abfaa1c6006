import DequeModule
import FedifyMQ
import NIOConcurrencyHelpers

/// Runs a listener's handlers, so many at a time, in tasks that go from message to message.
///
/// The listener is notified of the first one that ends, and then takes all that have ended: between two transactions the
/// handlers need no hop to it.
final class HandlerPool: Sendable {
    /// A message for a handler.
    struct Job: Sendable {
        enum Source: Sendable {
            case lease(Listener.Serial)
            case key(String)
        }

        let source: Source
        let delivery: Delivery
        var isKeyed: Bool { if case .key = source { true } else { false } }
    }

    typealias Ended = (job: Job, outcome: DeliveryOutcome?)

    private struct State {
        var leased: Deque<Job> = []
        var keyed: Deque<Job> = []
        /// Whether the last job had a key: the kinds take turns.
        var wasKeyed = false
        var running: [ObjectIdentifier: (delivery: Delivery, started: ContinuousClock.Instant)] = [:]
        /// Tasks that are at work or about to be.
        var tasks = 0
        var idle: [UnsafeContinuation<Void, Never>] = []
        var ended: [Ended] = []
        var isTold = false
        var isClosed = false
        /// Handlers that have ended, ever.
        var total = 0

        var waiting: Int { leased.count + keyed.count }

        mutating func next() -> Job? {
            wasKeyed = !keyed.isEmpty && (leased.isEmpty || !wasKeyed)
            return wasKeyed ? keyed.popFirst() : leased.popFirst()
        }
    }

    private let limit: Int
    private let handler: @Sendable (ReceivedMessage) async throws -> Void
    private let onEnded: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - limit: The maximum number of handlers at a time.
    ///   - handler: The handler.
    ///   - onEnded: Called when a handler has ended for the first time since ``takeEnded()``.
    init(
        limit: Int, handler: @escaping @Sendable (ReceivedMessage) async throws -> Void,
        onEnded: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.handler = handler
        self.onEnded = onEnded
    }

    /// Messages at handlers, and messages that wait for one.
    var counts: (running: Int, leased: Int, keyed: Int, total: Int) {
        state.withLockedValue { ($0.running.count, $0.leased.count, $0.keyed.count, $0.total) }
    }

    /// Adds messages, in their order.
    func add(_ jobs: [Job]) {
        guard !jobs.isEmpty else { return }
        state.withLockedValue { state in
            for job in jobs {
                if job.isKeyed { state.keyed.append(job) } else { state.leased.append(job) }
            }
        }
        wake()
    }

    /// Wakes or starts a task, if there is work for one more.
    private func wake() {
        enum Action { case none, resume(UnsafeContinuation<Void, Never>), start }
        let action: Action = state.withLockedValue { state in
            guard state.waiting > 0, state.tasks < limit else { return .none }
            state.tasks += 1
            return state.idle.popLast().map(Action.resume) ?? .start
        }
        switch action {
        case .none: break
        case .resume(let task): task.resume()
        case .start: Task { await work() }
        }
    }

    /// Goes from message to message.
    private func work() async {
        while true {
            guard let job = begin() else {
                if await rest() { continue }
                return
            }
            if let until = job.delivery.received.leasedUntil, until <= .now { job.delivery.stop(.leaseLost) }
            // The others follow one by one: where handlers end at once, few tasks are enough.
            wake()
            let outcome = await job.delivery.run(handler)
            end(job, outcome)
            if Task.isCancelled {
                // Another task takes its place.
                state.withLockedValue { $0.tasks -= 1 }
                return wake()
            }
        }
    }

    private func begin() -> Job? {
        state.withLockedValue { state in
            guard let job = state.next() else { return nil }
            state.running[ObjectIdentifier(job.delivery)] = (job.delivery, .now)
            return job
        }
    }

    private func end(_ job: Job, _ outcome: DeliveryOutcome?) {
        let isNews = state.withLockedValue { state in
            state.running[ObjectIdentifier(job.delivery)] = nil
            state.ended.append((job, outcome))
            state.total += 1
            defer { state.isTold = true }
            return !state.isTold
        }
        if isNews { onEnded() }
    }

    /// Waits for work.
    ///
    /// - Returns: Whether there is any; false: the pool was closed.
    private func rest() async -> Bool {
        await withUnsafeContinuation { continuation in
            let isAwake = state.withLockedValue { state in
                if state.isClosed || state.waiting > 0 { return true }
                state.tasks -= 1
                state.idle.append(continuation)
                return false
            }
            if isAwake { continuation.resume() }
        }
        return state.withLockedValue { !$0.isClosed || $0.waiting > 0 }
    }

    /// The messages whose handlers have ended since the last call.
    func takeEnded() -> [Ended] {
        state.withLockedValue { state in
            defer { state.ended.removeAll(keepingCapacity: true) }
            state.isTold = false
            return state.ended
        }
    }

    /// Takes back the messages that wait.
    func takeWaiting(where isTaken: (Job) -> Bool = { _ in true }) -> [Job] {
        state.withLockedValue { state in
            let taken = state.leased.filter(isTaken) + state.keyed.filter(isTaken)
            state.leased.removeAll(where: isTaken)
            state.keyed.removeAll(where: isTaken)
            return Array(taken)
        }
    }

    /// Cancels handlers.
    ///
    /// - Parameters:
    ///   - reason: Why.
    ///   - before: Those that have begun before this time; nil: all.
    func stopAll(_ reason: Delivery.StopReason, begunBefore before: ContinuousClock.Instant? = nil) {
        let running = state.withLockedValue { Array($0.running.values) }
        for (delivery, started) in running where before.map({ started <= $0 }) ?? true { delivery.stop(reason) }
    }

    /// Ends the tasks once there is no more work.
    func close() {
        let idle = state.withLockedValue { state in
            state.isClosed = true
            defer { state.idle = [] }
            state.tasks += state.idle.count
            return state.idle
        }
        for task in idle { task.resume() }
    }
}
