import NIOCore

/// A caller of `withConnection` that waits for a connection.
final class LeaseRequest: ScheduledRequest, @unchecked Sendable {
    // Safe: the continuation is set before the request is enqueued under the lock.
    private var continuation: UnsafeContinuation<Lease, any Error>?

    func wait(_ continuation: UnsafeContinuation<Lease, any Error>) {
        self.continuation = continuation
    }

    override func fail(_ error: any Error) {
        if claimAnswer() { continuation?.resume(throwing: error) }
    }

    /// - Returns: Whether the caller accepts it.
    func succeed(_ lease: Lease) -> Bool {
        guard claimAnswer() else { return false }
        continuation?.resume(returning: lease)
        return true
    }
}

/// A connection that is lent to a caller.
struct Lease: @unchecked Sendable {
    // Safe: `done` is called on the event loop.
    let connection: MySQLConnection
    let done: (@escaping () -> Void) -> Void

    /// Returns the connection to the pool before anyone else requests one.
    func end(isolation: isolated (any Actor)? = #isolation) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            connection.handler.eventLoop.execute { [self] in done { continuation.resume() } }
        }
    }
}

extension Lease {
    /// Lends the connection.
    static let execute: BatchExecutor = { requests, connection, done in
        let lease = Lease(connection: connection, done: done)
        for case let request as LeaseRequest in requests where request.succeed(lease) { return }
        done {}
    }
}
