/// The number of a lane in its scheduler.
@_spi(Scheduling) public struct LaneID: Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The lane of `withConnection`: a request has exclusive use of a connection.
    package static let exclusive = LaneID(rawValue: 0)
    /// The lane with priority over all others: cancelling abandoned statements on the server.
    package static let termination = LaneID(rawValue: 1)
}

/// How the requests of a lane are put into batches.
package struct LanePolicy: Sendable {
    /// The maximum number of requests in a batch.
    package var maximumRequests: Int
    /// The maximum number of batches in progress; nil: the number of connections.
    package var maximumBatches: Int?
    /// Whether the number of batches in progress depends on the round trip. If not, each request may be sent
    /// immediately.
    package var isAdaptive: Bool
    /// A batch of these waits for the server's disk, not only for its processors.
    package var isWrite: Bool
    /// A batch of one takes fewer round trips than a larger one.
    package var prefersSingles: Bool
    /// The size of a batch for a number of waiting requests.
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

/// Executes a batch of a lane's requests on the connection's event loop.
///
/// The connection belongs to the batch until it calls the last argument, once, with a closure that answers the callers.
/// That closure runs after the next batch was sent.
///
/// (A closure, since the compiler specializes generic code in one, but not the witness of a generic type.)
package typealias BatchExecutor =
    @Sendable (
        _ requests: [ScheduledRequest], _ connection: MySQLConnection,
        _ done: @escaping (_ answer: @escaping () -> Void) -> Void
    ) -> Void
