import FedifyKv
@_spi(Scheduling) import MySQLClient
import NIOCore

/// A request of a lane.
protocol LaneRequest: Sendable {
    /// The size of what it binds with overhead, in bytes.
    var size: Int { get }
}

/// A request for one key.
protocol StoreRequest: LaneRequest {
    var key: KvKey { get }
    /// Whether it can be batched.
    var isCoalescible: Bool { get }
}

extension StoreRequest {
    var isCoalescible: Bool { true }
}

/// Gets a key.
struct GetRequest: StoreRequest {
    let key: KvKey
    /// The expected size of the value, in bytes.
    let expectedBytes: Int

    var size: Int { key.serialized.utf8.count + 16 + expectedBytes }
}

/// Deletes a key.
struct DeleteRequest: StoreRequest {
    let key: KvKey

    var size: Int { key.serialized.utf8.count + 16 }
}

/// Stores a row.
struct SetRequest: StoreRequest {
    let key: KvKey
    let value: ValidatedValue
    /// Microseconds, or NULL.
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + value.summary.byteCount + 64 }
}

/// A request with its waiting caller.
final class PendingRequest<Request: LaneRequest, Answer: Sendable>: ScheduledRequest, @unchecked Sendable {
    // Safe: the continuation is set before the request is enqueued under the lock.

    typealias Continuation = UnsafeContinuation<Answer, any Error>

    let request: Request
    /// The caller's span.
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

    /// Sets the continuation. Call it once, before anything else.
    func wait(_ continuation: Continuation) {
        self.continuation = continuation
    }

    /// Answers the caller, unless it was answered.
    func answer(_ result: Result<Answer, any Error>) {
        if claimAnswer() { continuation?.resume(with: result) }
    }

    override func fail(_ error: any Error) {
        answer(.failure(error))
    }
}

/// A compare-and-swap request.
struct CompareAndSwap: StoreRequest {
    let key: KvKey
    let expected: ValidatedValue?
    let new: ValidatedValue?
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    /// Whether it can be decided in a batch: its row must exist for a positive answer. (A missing row can't be locked.)
    var isCoalescible: Bool { expected != nil && new != nil }
}
