import Synchronization

/// One message at a handler.
package final class Delivery: Sendable {
    /// Why a handler is to stop.
    package enum StopReason: Sendable {
        /// Another handler may have the message: nothing that this one decides counts.
        case leaseLost
        /// It took longer than ``DeliveryOptions/handlerTimeout``.
        case timedOut
        /// The process stops listening.
        case shutdown
    }

    private struct State {
        var task: Task<Void, Never>?
        var reason: StopReason?
    }

    /// The message with its surroundings, for the handler.
    package let received: ReceivedMessage
    private let state = Mutex(State())

    package init(_ received: ReceivedMessage) {
        self.received = received
    }

    /// Why it was stopped; nil: it was not.
    package var stopReason: StopReason? { state.withLock(\.reason) }

    /// Starts the handler in a task of its own.
    ///
    /// - Parameters:
    ///   - handler: The handler.
    ///   - done: Called when the handler has ended; nil: the lease was lost, and there is nothing to settle.
    package func start(
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void,
        done: @escaping @Sendable (Delivery, DeliveryOutcome?) async -> Void
    ) {
        let task = Task {
            var failure: (any Error)?
            do {
                try await handler(received)
            } catch {
                failure = error
            }
            await done(self, outcome(failure))
        }
        let isStopped = state.withLock { state in
            state.task = task
            return state.reason != nil
        }
        if isStopped { task.cancel() }
    }

    /// Cancels the handler. The first reason counts, but a lost lease always does.
    package func stop(_ reason: StopReason) {
        let task = state.withLock { state in
            if state.reason == nil || reason == .leaseLost { state.reason = reason }
            return state.task
        }
        task?.cancel()
    }

    private func outcome(_ failure: (any Error)?) -> DeliveryOutcome? {
        switch stopReason {
        case .leaseLost: return nil
        case .timedOut: return received.control.decision ?? .retry(after: nil, reason: "the handler took too long")
        case .shutdown, nil:
            if let decision = received.control.decision { return decision }
            guard let failure else { return .done }
            return stopReason == .shutdown
                ? .release : .retry(after: nil, reason: DeliveryOutcome.cut(String(describing: failure)))
        }
    }
}
