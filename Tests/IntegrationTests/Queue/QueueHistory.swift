import FedifyMQ
import NIOConcurrencyHelpers
import QueueRecording

/// What happened to a queue's messages, in this process and others.
final class QueueHistory: Sendable {
    private struct State {
        var events: [QueueEvent] = []
        var counts: [QueueEvent.Kind: Int] = [:]
        var lastNumber = 0
        /// Acknowledged, and not handled to the end or rejected yet.
        var outstanding: Set<Int> = []
        /// Handled before `enqueue` had returned.
        var early: Set<Int> = []
        var errors: [MQError.Code: Int] = [:]
        var longestCall = Duration.zero
        /// Handlers that run, by process.
        var running: [String: Set<Int>] = [:]
    }

    private let state = NIOLockedValueBox(State())

    var events: [QueueEvent] { state.withLockedValue(\.events) }

    /// What `enqueue` has thrown.
    var errors: [MQError.Code: Int] { state.withLockedValue(\.errors) }

    /// How long a call of `enqueue` took at most.
    var longestCall: Duration { state.withLockedValue(\.longestCall) }

    /// How many messages were acknowledged, and neither handled nor rejected yet.
    var outstanding: Int { state.withLockedValue(\.outstanding.count) }

    /// Whether each of these messages was handled or rejected, if it was acknowledged.
    func areHandled(_ numbers: [Int]) -> Bool { state.withLockedValue { $0.outstanding.isDisjoint(with: numbers) } }

    func count(_ kind: QueueEvent.Kind) -> Int { state.withLockedValue { $0.counts[kind] ?? 0 } }

    /// How many handlers run.
    var running: Int { state.withLockedValue { $0.running.values.reduce(0) { $0 + $1.count } } }

    /// How many handlers of a process run.
    func running(in worker: String) -> Int { state.withLockedValue { $0.running[worker]?.count ?? 0 } }

    func record(_ event: QueueEvent) {
        state.withLockedValue { state in
            state.events.append(event)
            state.counts[event.kind, default: 0] += 1
            switch event.kind {
            case .sent:
                if state.early.remove(event.number) == nil { state.outstanding.insert(event.number) }
            case .began:
                state.running[event.worker, default: []].insert(event.handling ?? 0)
            case .returned, .rejected:
                if state.outstanding.remove(event.number) == nil { state.early.insert(event.number) }
                state.running[event.worker]?.remove(event.handling ?? 0)
            case .threw:
                state.running[event.worker]?.remove(event.handling ?? 0)
            case .killed:
                state.running[event.worker] = nil
            default: break
            }
        }
    }

    /// Enqueues messages with numbers of their own, together.
    ///
    /// - Parameters:
    ///   - queue: Where to.
    ///   - count: How many.
    ///   - delay: Their delay.
    ///   - key: Their ordering key.
    ///   - make: Makes a message of its number.
    /// - Returns: The numbers.
    @discardableResult
    func send(
        to queue: any MessageQueue, _ count: Int = 1, delay: Duration = .zero, key: String? = nil,
        make: (Int) -> RecordedMessage = { RecordedMessage(number: $0) }
    ) async -> [Int] {
        let numbers = state.withLockedValue { state in
            state.lastNumber += count
            return Array(state.lastNumber - count + 1...state.lastNumber)
        }
        let messages = numbers.map(make)
        func note(_ kind: QueueEvent.Kind) {
            for number in numbers { record(QueueEvent(kind, worker: "", number: number, key: key)) }
        }
        note(.sending)
        let begun = ContinuousClock.now
        do {
            if count == 1 {
                try await queue.enqueue(messages[0], delay: delay, orderingKey: key)
            } else {
                try await queue.enqueue(messages, delay: delay, orderingKey: key)
            }
            note(.sent)
        } catch {
            note(error.mayHaveBeenApplied ? .uncertain : .refused)
            state.withLockedValue { $0.errors[error.code, default: 0] += 1 }
        }
        state.withLockedValue { $0.longestCall = max($0.longestCall, begun.duration(to: .now)) }
        return numbers
    }
}
