import NIOCore

/// A connection that is being opened: it succeeds or fails once, on its event loop, and leaks no channel.
final class ConnectionAttempt: @unchecked Sendable {
    // Safe: the state is accessed only on the event loop.

    private let promise: EventLoopPromise<MySQLConnection>
    private let eventLoop: any EventLoop
    private var isOver = false
    private var isLoggedIn = false
    /// If a name has several addresses, that of the last attempt; the others are closed.
    private var channels: [any Channel] = []

    init(_ promise: EventLoopPromise<MySQLConnection>, _ eventLoop: any EventLoop) {
        self.promise = promise
        self.eventLoop = eventLoop
    }

    /// A channel was created. On the event loop.
    func began(_ channel: any Channel) {
        channels.append(channel)
        if isOver { channel.close(promise: nil) }
    }

    /// The login succeeded: from now on the connection is closed gracefully. On the event loop.
    func loggedIn() {
        isLoggedIn = true
    }

    /// On the event loop.
    func succeed(_ connection: MySQLConnection) {
        channels = []
        guard !isOver else { return connection.handler.quit() }
        isOver = true
        promise.succeed(connection)
    }

    /// From any thread.
    func fail(_ error: MySQLError) {
        eventLoop.execute { [self] in
            end(error)
            closeChannels()
        }
    }

    /// The connection is no longer needed. One that is almost open is opened and closed gracefully, within the timeout.
    /// From any thread.
    func cancel(limit: NIODeadline) {
        eventLoop.execute { [self] in
            end(MySQLError(.connectionFailed, "connecting was cancelled"))
            guard isLoggedIn else { return closeChannels() }
            eventLoop.scheduleTask(deadline: limit) { [self] in closeChannels() }
        }
    }

    private func end(_ error: MySQLError) {
        guard !isOver else { return }
        isOver = true
        promise.fail(error)
    }

    private func closeChannels() {
        for channel in channels { channel.close(promise: nil) }
        channels = []
    }
}
