/// The number of a lane in its scheduler.
@_spi(Scheduling) public struct LaneID: Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The lane of `withConnection`: a request has its connection for itself.
    package static let exclusive = LaneID(rawValue: 0)
    /// The lane of what comes before all others: ending what the server does in vain.
    package static let termination = LaneID(rawValue: 1)
}

/// How the requests of a lane are put into batches.
package struct LanePolicy: Sendable {
    /// The most requests of a batch.
    package var maximumRequests: Int
    /// The most batches under way at a time; nil: as many as there are connections.
    package var maximumBatches: Int?
    /// Whether the number of batches under way follows the network. If not, each request may go at once.
    package var isAdaptive: Bool
    /// A batch of these waits for the server's disk, not only for its processors.
    package var isWrite: Bool
    /// A batch of one takes fewer round trips than a larger one.
    package var prefersSingles: Bool
    /// How many of so many waiting requests a batch should have.
    package var batchSize: @Sendable (Int) -> Int

    package init(
        maximumRequests: Int = 1, maximumBatches: Int? = nil, isAdaptive: Bool = false, isWrite: Bool = false,
        prefersSingles: Bool = false, batchSize: @escaping @Sendable (Int) -> Int = { $0 }
    ) {
        self.maximumRequests = maximumRequests
        self.maximumBatches = maximumBatches
        self.isAdaptive = isAdaptive
        self.isWrite = isWrite
        self.prefersSingles = prefersSingles
        self.batchSize = batchSize
    }
}

/// Carries a batch of a lane's requests out, on the connection's event loop.
///
/// The connection is the batch's until the last argument is called: once, when nothing of the batch is under way any
/// more, with what answers the callers. That runs after the next batch has gone out.
///
/// (A closure, as the compiler specializes what is generic in one, but not the witness of a generic type.)
package typealias BatchExecutor =
    @Sendable (
        _ requests: [ScheduledRequest], _ connection: MySQLConnection,
        _ done: @escaping (_ answer: @escaping () -> Void) -> Void
    ) -> Void
