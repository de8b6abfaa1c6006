package import FedifyKv
@_spi(Scheduling) package import MySQLClient
package import NIOCore

extension MySQLKvStore {
    /// Runs an operation, unless the store is closed, with its span and metrics.
    ///
    /// - Parameters:
    ///   - operation: The kind of operation.
    ///   - size: The number of keys, if it takes several.
    ///   - body: The work.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws, as `KvError`; `closed`.
    package func perform<T>(
        _ operation: StoreOperation, size: Int? = nil, _ body: () async throws -> T
    ) async throws(KvError) -> T {
        try inFlight.enter()
        defer { inFlight.leave() }
        do {
            return try await instrumentation.observe(operation, size: size, body)
        } catch {
            throw KvError(wrapping: error)
        }
    }

    /// Executes a request: batched on the first attempt, single on retries, so that a failing or slow request doesn't
    /// affect others.
    ///
    /// - Parameters:
    ///   - lanes: Its lanes.
    ///   - request: The request.
    ///   - isRepeatable: Whether it is idempotent.
    /// - Returns: The answer.
    /// - Throws: `KvError`.
    func submit<Request: StoreRequest, Answer>(
        _ lanes: RequestLanes<Request, Answer>, _ request: Request, isRepeatable: Bool = true
    ) async throws -> Answer {
        let isTogether = options.coalescing.isEnabled && request.isCoalescible && !contended.contains(request.key)
        var attempts = Attempts(access, RetryPolicy(isRepeatable: isRepeatable), key: request.key)
        while true {
            do {
                return try await lanes.submit(
                    request, isBatched: isTogether && attempts.failed == 0, to: pool, until: attempts.deadline)
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }

    /// Runs work on a connection of its own, and tries again what may pass.
    package func withConnection<T: Sendable>(
        createsTable: Bool = true, until deadline: NIODeadline? = nil,
        _ work: @Sendable (MySQLConnection) async throws -> T
    ) async throws -> T {
        try await access.withConnection(RetryPolicy(createsTable: createsTable), until: deadline, work)
    }
}
