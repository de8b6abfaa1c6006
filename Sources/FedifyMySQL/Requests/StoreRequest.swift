import FedifyKv
@_spi(Scheduling) import MySQLClient
import NIOCore

/// What a caller asks of the store for one key.
protocol StoreRequest: Sendable {
    var key: KvKey { get }
    /// The bytes of its key and value, and what goes with them.
    var size: Int { get }
    /// It may travel with others.
    var isCoalescible: Bool { get }
}

extension StoreRequest {
    var isCoalescible: Bool { true }
}

/// A key to get.
struct GetRequest: StoreRequest {
    let key: KvKey
    /// The bytes of the value that is expected.
    let expectedBytes: Int

    var size: Int { key.serialized.utf8.count + 16 + expectedBytes }
}

/// A key to delete.
struct DeleteRequest: StoreRequest {
    let key: KvKey

    var size: Int { key.serialized.utf8.count + 16 }
}

/// A row to store.
struct SetRequest: StoreRequest {
    let key: KvKey
    let value: ValidatedValue
    /// Microseconds, or NULL.
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + value.summary.byteCount + 64 }
}

/// A request with the caller who waits for its answer.
final class PendingRequest<Request: StoreRequest, Answer: Sendable>: ScheduledRequest, @unchecked Sendable {
    // Safe: the continuation is set before the request is enqueued, by whose lock all others come to know of it.

    typealias Continuation = UnsafeContinuation<Answer, any Error>

    let request: Request
    /// The span that the caller waits in.
    let caller: StoreInstrumentation.Caller?
    private var continuation: Continuation?

    init(
        _ request: Request, _ caller: StoreInstrumentation.Caller?, lane: LaneID, waitsUntil: NIODeadline,
        deadline: NIODeadline
    ) {
        self.request = request
        self.caller = caller
        super.init(lane: lane, size: request.size, created: .now(), waitsUntil: waitsUntil, deadline: deadline)
    }

    /// Who is to be answered. To be called once, before anything else.
    func wait(_ continuation: Continuation) {
        self.continuation = continuation
    }

    /// Answers the caller, unless it has its answer.
    func answer(_ result: Result<Answer, any Error>) {
        if claimAnswer() { continuation?.resume(with: result) }
    }

    override func fail(_ error: any Error) {
        answer(.failure(error))
    }
}

/// A compare-and-swap that a caller asks for.
struct CompareAndSwap: StoreRequest {
    let key: KvKey
    let expected: ValidatedValue?
    let new: ValidatedValue?
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    /// It can be decided together with others: its row is there, or its answer is no. (A row that isn't there can't be
    /// locked.)
    var isCoalescible: Bool { expected != nil && new != nil }
}
