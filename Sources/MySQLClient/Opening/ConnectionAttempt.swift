import NIOCore

/// A connection that is being opened: it succeeds or fails once, on its event loop, and leaves no channel behind.
final class ConnectionAttempt: @unchecked Sendable {
    // Safe: the state is touched on the event loop alone.

    private let promise: EventLoopPromise<MySQLConnection>
    private let eventLoop: any EventLoop
    private var isOver = false
    private var isLoggedIn = false
    /// Of a name with several addresses the last one that was tried; the others were closed by then.
    private var channels: [any Channel] = []

    init(_ promise: EventLoopPromise<MySQLConnection>, _ eventLoop: any EventLoop) {
        self.promise = promise
        self.eventLoop = eventLoop
    }

    /// A channel was made. On the event loop.
    func began(_ channel: any Channel) {
        channels.append(channel)
        if isOver { channel.close(promise: nil) }
    }

    /// The server let us in: from now on the connection is ended in good order. On the event loop.
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

    /// Nobody waits for the connection any more. One that is nearly open is opened, and closed in good order, if that
    /// doesn't take longer than it may. From any thread.
    func cancel(limit: NIODeadline) {
        eventLoop.execute { [self] in
            end(MySQLError(.connectionFailed, "the attempt to connect was given up"))
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
