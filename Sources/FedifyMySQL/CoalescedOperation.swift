import MySQLClient
import Synchronization

private enum Phase: UInt8, AtomicRepresentable {
    case new, waiting, running, answered
}

/// A caller who waits for the answer to a request. Whoever takes it out of a phase acts on it, so that the caller is
/// answered exactly once.
final class CoalescedOperation<Request: Sendable, Answer: Sendable>: Sendable {
    typealias Continuation = UnsafeContinuation<Answer, any Error>

    let request: Request
    /// When the wait for a connection is given up.
    let waitsUntil: ContinuousClock.Instant
    /// When the caller is answered, whatever the server does.
    let deadline: ContinuousClock.Instant
    private let phase = Atomic(Phase.new)
    // Safe: written once, by the caller's task, before the phase says `waiting`; read by who takes it out of that.
    nonisolated(unsafe) private var continuation: Continuation?

    init(_ request: Request, waitsUntil: ContinuousClock.Instant, deadline: ContinuousClock.Instant) {
        self.request = request
        self.waitsUntil = waitsUntil
        self.deadline = deadline
    }

    var isWaiting: Bool { phase.load(ordering: .acquiring) == Phase.waiting }
    var isAnswered: Bool { phase.load(ordering: .acquiring) == Phase.answered }

    /// Begins the wait; if the task was cancelled before, answers at once and returns false.
    func wait(_ continuation: Continuation) -> Bool {
        self.continuation = continuation
        if move(from: Phase.new, to: Phase.waiting) { return true }
        continuation.resume(throwing: CancellationError())
        return false
    }

    /// Takes the operation along; false if it was answered meanwhile.
    func begin() -> Bool { move(from: Phase.waiting, to: Phase.running) }

    /// The task was cancelled: leaves the line. What runs already is finished.
    ///
    /// - Returns: Whether it was in the line.
    func cancel() -> Bool {
        if move(from: Phase.new, to: Phase.answered) { return false }
        return refuse(CancellationError())
    }

    /// Answers an operation that waits.
    @discardableResult
    func refuse(_ error: any Error) -> Bool {
        guard move(from: Phase.waiting, to: Phase.answered) else { return false }
        continuation?.resume(throwing: error)
        return true
    }

    /// Answers an operation that runs.
    func answer(_ result: Result<Answer, any Error>) {
        guard move(from: Phase.running, to: Phase.answered) else { return }
        continuation?.resume(with: result)
    }

    private func move(from old: Phase, to new: Phase) -> Bool {
        phase.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing).exchanged
    }
}
