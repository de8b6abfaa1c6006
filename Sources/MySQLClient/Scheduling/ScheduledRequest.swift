public import NIOCore
import Synchronization

/// A request of a caller: it is queued in a lane, sent in a batch, and answered once.
///
/// A lane's executor creates subclasses with the parameters and the caller's continuation.
///
/// (Only an open class has subclasses in other modules; the SPI keeps it out of the public API.)
@_spi(Scheduling) open class ScheduledRequest: @unchecked Sendable {
    // Safe: mutable state is guarded by the scheduler's lock, as noted, or atomic.

    /// Its lane.
    package let lane: LaneID
    /// Its size in a statement, in bytes.
    package let size: Int
    /// When it was created.
    package let created: NIODeadline
    /// When waiting for a connection times out.
    package let waitsUntil: NIODeadline
    /// When the caller is answered at the latest.
    package let deadline: NIODeadline

    /// Its place in the queue; nil: not queued. Guarded by the scheduler's lock.
    final var ticket: Int?
    /// Its order among the requests of all lanes. Guarded by the scheduler's lock.
    final var arrival = 0
    /// Its task was cancelled, possibly before it was queued. Guarded by the scheduler's lock.
    final var isCancelled = false

    private let wasAnswered = Atomic(false)

    /// A request of a lane, not queued yet.
    public init(lane: LaneID, size: Int, created: NIODeadline, waitsUntil: NIODeadline, deadline: NIODeadline) {
        self.lane = lane
        self.size = size
        self.created = created
        self.waitsUntil = min(waitsUntil, deadline)
        self.deadline = deadline
    }

    /// The caller was answered.
    package final var isAnswered: Bool { wasAnswered.load(ordering: .acquiring) }

    /// Of several answers (a result, a timeout) the first counts.
    ///
    /// - Returns: Whether this is the first.
    package final func claimAnswer() -> Bool {
        !wasAnswered.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// Answers the caller with an error, unless it was answered. For subclasses to implement.
    open func fail(_ error: any Error) {
        preconditionFailure("a request that can't be answered")
    }
}
