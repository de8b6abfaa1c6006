import FedifyKv
@_spi(Scheduling) import MySQLClient
import NIOCore

/// The two lanes of a kind of request: batched, and single.
struct RequestLanes<Request: LaneRequest, Answer: Sendable>: Sendable {
    typealias Pending = PendingRequest<Request, Answer>

    /// Executes requests in one transaction, as if one after the other, and answers each.
    typealias Execute =
        @Sendable (
            ArraySlice<Pending>, MySQLConnection, @escaping ([Result<Answer, any Error>]) -> Void
        ) -> Void

    /// For batched requests.
    private let batched: LaneID
    /// For single requests: with coalescing off, and after a failed first attempt.
    private let single: LaneID
    private let instrumentation: StoreInstrumentation

    init(
        _ pool: MySQLPool, _ operation: StoreOperation, _ policy: LanePolicy, _ instrumentation: StoreInstrumentation,
        execute: @escaping Execute
    ) {
        let executor: BatchExecutor = { requests, connection, done in
            let pending = requests.map { unsafeDowncast($0, to: Pending.self) }
            let end = instrumentation.beginBatch(operation, size: pending.count) { pending.compactMap(\.caller) }
            execute(pending[...], connection) { answers in
                end()
                done {
                    for (request, answer) in zip(pending, answers) { request.answer(answer) }
                }
            }
        }
        batched = pool.addLane(policy, executor)
        single = pool.addLane(LanePolicy(), executor)
        self.instrumentation = instrumentation
    }

    /// One attempt at a request.
    func submit(
        _ request: Request, isBatched: Bool, to pool: MySQLPool, until deadline: NIODeadline
    ) async throws -> Answer {
        let scheduler = pool.scheduler
        let pending = Pending(
            request, instrumentation.caller, lane: isBatched ? batched : single,
            waitsUntil: pool.configuration.pool.endOfWait(deadline), deadline: deadline)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                pending.wait(continuation)
                scheduler.submit(pending)
            }
        } onCancel: {
            scheduler.cancel(pending)
        }
    }

    func close(_ pool: MySQLPool) {
        pool.removeLane(batched)
        pool.removeLane(single)
    }
}

/// Runs a batch. If one item made it fail, and nothing was applied, bisects to the offending item and fails only that
/// one.
///
/// - Parameters:
///   - items: The batch.
///   - execute: Executes a part of it atomically.
///   - done: Called with the answers of all items.
func bisecting<Item, Answer>(
    _ items: ArraySlice<Item>,
    execute: @escaping (ArraySlice<Item>, @escaping (Result<[Result<Answer, any Error>], MySQLError>) -> Void) -> Void,
    done: @escaping ([Result<Answer, any Error>]) -> Void
) {
    execute(items) { result in
        switch result {
        case .success(let answers): done(answers)
        case .failure(let error) where error.mayBeOfOneRow && items.count > 1:
            let middle = items.startIndex + items.count / 2
            bisecting(items[..<middle], execute: execute) { first in
                bisecting(items[middle...], execute: execute) { second in done(first + second) }
            }
        case .failure(let error): done(items.map { _ in .failure(error) })
        }
    }
}
