import FedifyKv
@_spi(Scheduling) import MySQLClient
import NIOCore

/// The two ways of one kind of request: in a batch with others, and by itself.
struct RequestLanes<Request: StoreRequest, Answer: Sendable>: Sendable {
    typealias Pending = PendingRequest<Request, Answer>

    /// Carries requests out in one transaction, as if one after the other, and answers each.
    typealias Execute =
        @Sendable (
            ArraySlice<Pending>, MySQLConnection, @escaping ([Result<Answer, any Error>]) -> Void
        ) -> Void

    /// For requests that travel together.
    let batched: LaneID
    /// For requests that travel alone: with coalescing off, and after a first attempt that failed.
    let single: LaneID

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
    }

    func close(_ pool: MySQLPool) {
        pool.removeLane(batched)
        pool.removeLane(single)
    }
}

/// Executes a batch; where one item of it is at fault and none was carried out, it is found half by half, and fails alone.
///
/// - Parameters:
///   - items: The batch.
///   - execute: Carries a part of it out: all, or none.
///   - done: Called with an answer for each item.
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
