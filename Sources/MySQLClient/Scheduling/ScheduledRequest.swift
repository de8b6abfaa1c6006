public import NIOCore
import Synchronization

/// What a caller waits for: it stands in a lane's queue, travels in a batch, and is answered once.
///
/// A lane's executor makes subclasses that carry what is asked for and the caller's continuation.
///
/// (Only an open class has subclasses in other modules; by the SPI it is none of the package's public interface.)
@_spi(Scheduling) open class ScheduledRequest: @unchecked Sendable {
    // Safe: what is not constant is guarded by the scheduler's lock, as noted, or atomic.

    /// The queue that it joins.
    package let lane: LaneID
    /// The bytes that it adds to a statement.
    package let size: Int
    /// When it was made.
    package let created: NIODeadline
    /// When the wait for a connection is given up.
    package let waitsUntil: NIODeadline
    /// When the caller is answered, whatever the server does.
    package let deadline: NIODeadline

    /// Its place in the queue; nil: in none. Guarded by the scheduler's lock.
    final var ticket: Int?
    /// Its place among the requests of all lanes. Guarded by the scheduler's lock.
    final var arrival = 0
    /// Its task was cancelled, maybe before it joined a queue. Guarded by the scheduler's lock.
    final var isCancelled = false

    private let wasAnswered = Atomic(false)

    /// A request of a lane, which is not in its queue yet.
    public init(lane: LaneID, size: Int, created: NIODeadline, waitsUntil: NIODeadline, deadline: NIODeadline) {
        self.lane = lane
        self.size = size
        self.created = created
        self.waitsUntil = min(waitsUntil, deadline)
        self.deadline = deadline
    }

    /// The caller has its answer.
    package final var isAnswered: Bool { wasAnswered.load(ordering: .acquiring) }

    /// Of several answers (a statement's, or that it took too long) the first counts.
    ///
    /// - Returns: Whether this is the first.
    package final func claimAnswer() -> Bool {
        !wasAnswered.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// Answers the caller with an error, unless it has its answer. For subclasses to implement.
    open func fail(_ error: any Error) {
        preconditionFailure("a request that can't be answered")
    }
}
