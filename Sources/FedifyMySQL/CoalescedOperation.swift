import Locking
import MySQLClient
import Synchronization

/// A caller who waits for the answer to a request.
final class CoalescedOperation<Request: Sendable, Answer: Sendable>: Sendable, Waiter {
    typealias Continuation = UnsafeContinuation<Answer, any Error>

    let request: Request
    /// The span that the caller waits in.
    let caller: StoreTelemetry.Caller?
    /// When the wait for a connection is given up.
    let waitsUntil: ContinuousClock.Instant
    /// When the caller is answered, whatever the server does.
    let deadline: ContinuousClock.Instant

    // Safe: the coalescer's lock guards it.
    nonisolated(unsafe) var ticket: Int?
    /// The task was cancelled before the operation joined the line.
    // Safe: the coalescer's lock guards it.
    nonisolated(unsafe) var isCancelled = false

    // Safe: written once, before the operation joins the line, by whose lock all others come to know of it.
    nonisolated(unsafe) private var continuation: Continuation?
    private let wasAnswered = Atomic(false)

    init(
        _ request: Request, _ caller: StoreTelemetry.Caller?, waitsUntil: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant
    ) {
        self.request = request
        self.caller = caller
        self.waitsUntil = waitsUntil
        self.deadline = deadline
    }

    var isAnswered: Bool { wasAnswered.load(ordering: .acquiring) }

    /// Who is to be answered. To be called once, before anything else.
    func wait(_ continuation: Continuation) { self.continuation = continuation }

    /// Answers the caller. Of several answers the first counts: a statement's, or that it took too long.
    func answer(_ result: Result<Answer, any Error>) {
        guard !wasAnswered.exchange(true, ordering: .acquiringAndReleasing) else { return }
        continuation?.resume(with: result)
    }
}
