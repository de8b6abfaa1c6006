import FedifyMQ
import Synchronization

/// The calls of `listen`, and a counter.
final class QueueNotes: Sendable {
    private struct State {
        var listening: [Task<MQError?, Never>] = []
        var hasHandled = false
        var last = 0
    }

    private let state = Mutex(State())

    var isListening: Bool { state.withLock { !$0.listening.isEmpty } }
    var hasHandled: Bool { state.withLock(\.hasHandled) }

    func began(_ listening: Task<MQError?, Never>) { state.withLock { $0.listening.append(listening) } }

    func ended(_ listening: Task<MQError?, Never>, andOthers: Bool) {
        if andOthers { cancelAll() }
        state.withLock { $0.listening.removeAll { $0 == listening } }
    }

    func cancelAll() {
        for listening in state.withLock(\.listening) { listening.cancel() }
    }

    func handled() { state.withLock { $0.hasHandled = true } }

    func next() -> Int {
        state.withLock { state in
            state.last += 1
            return state.last
        }
    }
}

/// Something that happens once.
final class Flag: Sendable {
    private let state = Atomic(false)

    var isSet: Bool { state.load(ordering: .acquiring) }

    func set() { state.store(true, ordering: .releasing) }
}
