import NIOCore

/// A caller of `withConnection`, who waits for a connection of its own.
final class LeaseRequest: ScheduledRequest, @unchecked Sendable {
    // Safe: the continuation is set before the request is enqueued, by whose lock all others come to know of it.
    private var continuation: UnsafeContinuation<Lease, any Error>?

    func wait(_ continuation: UnsafeContinuation<Lease, any Error>) {
        self.continuation = continuation
    }

    override func fail(_ error: any Error) {
        if claimAnswer() { continuation?.resume(throwing: error) }
    }

    /// - Returns: Whether the caller takes it.
    func succeed(_ lease: Lease) -> Bool {
        guard claimAnswer() else { return false }
        continuation?.resume(returning: lease)
        return true
    }
}

/// A connection that belongs to one caller for a while.
struct Lease: @unchecked Sendable {
    // Safe: `done` is called on the event loop.
    let connection: MySQLConnection
    let done: (@escaping () -> Void) -> Void

    /// Gives the connection back. Whoever asks for one next finds it free.
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
