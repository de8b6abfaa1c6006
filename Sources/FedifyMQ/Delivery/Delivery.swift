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

    /// The task of a handler that runs.
    private struct HandlerTask: @unchecked Sendable {
        // Safe: it is used under the lock, and gone from there when the handler has ended.
        let task: UnsafeCurrentTask?
    }

    private struct State {
        var task: HandlerTask?
        var reason: StopReason?
    }

    /// The message, as the handler receives it.
    package let received: ReceivedMessage
    private let state = Mutex(State())

    package init(_ received: ReceivedMessage) {
        self.received = received
    }

    /// Why it was stopped; nil: it was not.
    package var stopReason: StopReason? { state.withLock(\.reason) }

    /// Runs the handler in the present task, which is cancelled when the handler should stop.
    ///
    /// - Parameter handler: The handler. If it was stopped before it began, it doesn't run.
    /// - Returns: How it ended; nil: the lease was lost, and there is nothing to settle.
    package func run(_ handler: @Sendable (ReceivedMessage) async throws -> Void) async -> DeliveryOutcome? {
        let isStopped = withUnsafeCurrentTask { task in
            let task = HandlerTask(task: task)
            return state.withLock { state in
                state.task = task
                return state.reason != nil
            }
        }
        guard !isStopped else { return outcome(CancellationError()) }
        var failure: (any Error)?
        do {
            try await handler(received)
        } catch {
            failure = error
        }
        state.withLock { $0.task = nil }
        return outcome(failure)
    }

    /// Runs the handler in a task of its own.
    ///
    /// - Parameters:
    ///   - handler: The handler.
    ///   - done: Called when the handler has ended, with how.
    package func start(
        _ handler: @escaping @Sendable (ReceivedMessage) async throws -> Void,
        done: @escaping @Sendable (Delivery, DeliveryOutcome?) async -> Void
    ) {
        Task { await done(self, run(handler)) }
    }

    /// Cancels the handler. The first reason counts, but a lost lease always does.
    package func stop(_ reason: StopReason) {
        state.withLock { state in
            if state.reason == nil || reason == .leaseLost { state.reason = reason }
            state.task?.task?.cancel()
        }
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
