import FedifyMQ
import Synchronization

/// The deliveries to the handlers of one group of promises. It can keep the handlers waiting, too.
final class Journal: Sendable {
    /// A message at a handler.
    struct Delivery: Sendable {
        let number: Int
        let listener: Int
        let received: ReceivedMessage
    }

    private struct State {
        var deliveries: [Delivery] = []
        var ended: [Int] = []
        var running = 0
        var mostRunning = 0
        var runningKeys: [String: Int] = [:]
        var overlappingKeys: Set<String> = []
        var cancelled: Set<Int> = []
        var isOpen = false
        var held: [(number: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var open: Set<Int> = []
    }

    private let state = Mutex(State())

    /// The deliveries, in the order of their beginning.
    var deliveries: [Delivery] { state.withLock(\.deliveries) }
    /// The messages' numbers, in this order; without witnesses.
    var numbers: [Int] { deliveries.map(\.number).filter { $0 < QueueCheck.firstWitness } }
    /// The numbers of the messages whose handler has ended.
    var ended: [Int] { state.withLock(\.ended) }
    /// How many handlers run.
    var running: Int { state.withLock(\.running) }
    /// How many ran at most.
    var mostRunning: Int { state.withLock(\.mostRunning) }
    /// The keys of which several messages were handled at a time.
    var overlappingKeys: Set<String> { state.withLock(\.overlappingKeys) }

    /// How often a message was delivered.
    func count(_ number: Int) -> Int { deliveries.count { $0.number == number } }

    /// The deliveries of a message.
    func deliveries(of number: Int) -> [Delivery] { deliveries.filter { $0.number == number } }

    /// Whether a handler that is kept waiting was cancelled.
    func isCancelled(_ number: Int) -> Bool { state.withLock { $0.cancelled.contains(number) } }

    /// Runs a handler.
    func handle(
        _ delivery: Delivery, _ handler: @Sendable (Delivery) async throws -> Void
    ) async throws {
        let key = delivery.received.orderingKey
        state.withLock { state in
            state.deliveries.append(delivery)
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
            guard let key else { return }
            state.runningKeys[key, default: 0] += 1
            if state.runningKeys[key]! > 1 { state.overlappingKeys.insert(key) }
        }
        defer {
            state.withLock { state in
                state.running -= 1
                state.ended.append(delivery.number)
                if let key { state.runningKeys[key]! -= 1 }
            }
        }
        try await handler(delivery)
    }

    /// Keeps a handler waiting until its message or everything is released. It only takes note of a cancellation.
    func hold(_ number: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if state.isOpen || state.open.contains(number) { return true }
                    state.held.append((number, continuation))
                    return false
                }
                if isOpen { continuation.resume() }
            }
        } onCancel: {
            state.withLock { _ = $0.cancelled.insert(number) }
        }
    }

    /// Lets the handlers of a message go on.
    func release(_ number: Int) {
        let held = state.withLock { state in
            state.open.insert(number)
            defer { state.held.removeAll { $0.number == number } }
            return state.held.filter { $0.number == number }
        }
        for handler in held { handler.continuation.resume() }
    }

    /// Lets all handlers go on, also later ones.
    func releaseAll() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for handler in held { handler.continuation.resume() }
    }
}
