package import FedifyKv
@_spi(Scheduling) package import MySQLClient
import NIOCore

extension MySQLKvStore {
    /// Does what a caller asks for, unless the store is closed, and tells of it.
    ///
    /// - Parameters:
    ///   - operation: What the caller asks for.
    ///   - size: How many keys, where it takes many.
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

    /// Answers a request: together with others on the first attempt, alone on any further one, so that what fails or
    /// waits for long does so by itself.
    ///
    /// - Parameters:
    ///   - lanes: Where it meets the others.
    ///   - request: The request.
    ///   - isRepeatable: It may be carried out twice with the same result.
    /// - Returns: The answer.
    /// - Throws: What its execution throws, the client's errors as `KvError`.
    func submit<Request, Answer>(
        _ lanes: RequestLanes<Request, Answer>, _ request: Request, isRepeatable: Bool = true
    ) async throws -> Answer {
        let isTogether = options.coalescing.isEnabled && request.isCoalescible && !contended.contains(request.key)
        var attempts = Attempts(self, RetryPolicy(isRepeatable: isRepeatable), key: request.key)
        while true {
            do {
                let lane = isTogether && attempts.failed == 0 ? lanes.batched : lanes.single
                return try await answer(request, lane, until: attempts.deadline)
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }

    /// One attempt at a request.
    private func answer<Request: StoreRequest, Answer: Sendable>(
        _ request: Request, _ lane: LaneID, until deadline: NIODeadline
    ) async throws -> Answer {
        let scheduler = pool.scheduler
        let pending = PendingRequest<Request, Answer>(
            request, instrumentation.caller, lane: lane, waitsUntil: pool.configuration.pool.endOfWait(deadline),
            deadline: deadline)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                pending.wait(continuation)
                scheduler.submit(pending)
            }
        } onCancel: {
            scheduler.cancel(pending)
        }
    }

    /// Runs work on a connection of its own, and tries again what may pass.
    package func withConnection<T: Sendable>(
        createsTable: Bool = true, _ work: @Sendable (MySQLConnection) async throws -> T
    ) async throws -> T {
        var attempts = Attempts(self, RetryPolicy(createsTable: createsTable))
        while true {
            do {
                return try await pool.withConnection(until: attempts.deadline, work)
            } catch let failure as MySQLError {
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }
}
