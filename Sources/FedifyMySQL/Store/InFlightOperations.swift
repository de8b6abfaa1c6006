import FedifyKv
import NIOConcurrencyHelpers

/// Counts the operations in progress, and refuses new ones once it is closed.
final class InFlightOperations: Sendable {
    private struct State {
        var underWay = 0
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    /// An operation begins.
    func enter() throws(KvError) {
        let isClosed = state.withLockedValue { state in
            if !state.isClosed { state.underWay += 1 }
            return state.isClosed
        }
        if isClosed { throw KvError(.closed, "the store is closed; nothing was sent") }
    }

    /// An operation has ended.
    func leave() {
        let waiting = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            state.underWay -= 1
            guard state.isClosed, state.underWay == 0 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var isClosed: Bool { state.withLockedValue(\.isClosed) }

    /// Refuses new operations.
    func refuse() {
        state.withLockedValue { $0.isClosed = true }
    }

    /// Refuses new operations, and waits for those in progress.
    func close() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLockedValue { state in
                state.isClosed = true
                if state.underWay > 0 { state.waiting.append(continuation) }
                return state.underWay == 0
            }
            if isEmpty { continuation.resume() }
        }
    }
}
