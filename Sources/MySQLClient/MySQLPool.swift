#if Logging
    public import Logging
#endif

/// A bounded pool of connections to one server.
///
/// Work comes to the connections, not they to it: a closure waits in line, first come first served, and then runs on a
/// connection's own thread. No operation can hold one connection while it waits for another, and no blocking call runs
/// on Swift's cooperative threads.
///
/// Connections are opened when there is work for them and closed when they are idle, too old or broken. Releasing the
/// pool closes them all.
public final class MySQLPool: Sendable {
    /// What the pool is doing, at one moment.
    public struct Status: Sendable, Equatable {
        /// Connections that are open or being opened; never more than the configured maximum.
        public var connections = 0
        /// Connections at work.
        public var inUse = 0
        /// Operations that wait for a connection.
        public var waiting = 0
    }

    /// The server that the pool is at.
    package struct Server: Sendable, Hashable {
        package let address: MySQLConfiguration.Address
        /// nil: no connection was opened yet.
        package let flavor: MySQLServer.Flavor?
    }

    /// How the pool was set up.
    public let configuration: MySQLConfiguration
    let core: PoolCore

    /// A pool from a URL; see ``MySQLConfiguration/init(url:)``. Nothing is opened yet.
    ///
    /// - Parameter url: `mysql://user:password@host/database?…`
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    public convenience init(url: String) throws(MySQLError) {
        try self.init(MySQLConfiguration(url: url))
    }

    /// A pool from a configuration. Nothing is opened yet.
    ///
    /// - Parameter configuration: The server, and the pool's limits.
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    public init(_ configuration: MySQLConfiguration) throws(MySQLError) {
        try configuration.validate()
        self.configuration = configuration
        core = PoolCore(configuration)
    }

    #if Logging
        /// A pool from a URL, with a logger. Nothing is opened yet.
        ///
        /// - Parameters:
        ///   - url: `mysql://user:password@host/database?…`
        ///   - logger: Told of connections lost and found, here and by the store; see ``MySQLObservability/logger``.
        /// - Throws: ``MySQLError`` `invalidConfiguration`.
        public convenience init(url: String, logger: Logger) throws(MySQLError) {
            var configuration = try MySQLConfiguration(url: url)
            configuration.observability.logger = logger
            try self.init(configuration)
        }
    #endif

    deinit {
        core.close()
    }

    /// The server that the pool is at.
    package var server: Server { core.server }

    /// What the pool is doing.
    public var status: Status { core.status }

    /// Runs a closure with a connection, on that connection's thread.
    ///
    /// The closure may block and should do nothing but talk to the server. If its task is cancelled while it waits for a
    /// connection, it leaves the line at once; once begun it is finished.
    ///
    /// - Parameters:
    ///   - deadline: When the wait, or the closure's work on the connection, is given up; nil: the configuration's
    ///     `deadline` from now.
    ///   - body: The work. It must not keep the connection.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws; ``MySQLError`` `acquisitionTimedOut`, `connectionFailed`, `accessDenied`,
    ///   `insecure`, `closed`; or `CancellationError`.
    @discardableResult
    public func withConnection<T: Sendable>(
        deadline: ContinuousClock.Instant? = nil,
        _ body: @escaping @Sendable (MySQLConnection) throws -> T
    ) async throws -> T {
        let deadline = deadline ?? .now + configuration.deadline
        let job = PoolJob()
        let token = Watchdog.shared.schedule(at: configuration.pool.endOfWait(deadline)) {
            [core] in core.timeIsUp(job, deadline: deadline)
        }
        defer { Watchdog.shared.cancel(token) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                core.add(
                    job,
                    work: { connection in
                        let result = Result { try body(connection) }
                        return { continuation.resume(with: result) }
                    },
                    fail: { error in continuation.resume(throwing: error) })
            }
        } onCancel: {
            core.fail(job, CancellationError())
        }
    }

    // MARK: - Work that answers callers of its own

    /// Puts a job in line.
    ///
    /// - Parameters:
    ///   - job: The job, a new one.
    ///   - isNext: Whoever calls is a job at work on a connection, which takes this one next unless others wait.
    ///   - work: Runs on a connection's thread; gives back what answers callers when the connection has its next work.
    ///   - fail: Called instead, if no connection can be had.
    package func enqueue(
        _ job: PoolJob, isNext: Bool, work: @escaping PoolJob.Work, fail: @escaping PoolJob.Fail
    ) {
        core.add(job, isNext: isNext, work: work, fail: fail)
    }

    /// Takes a job out of the line, unless it has begun: its `fail` is called with `CancellationError`.
    package func withdraw(_ job: PoolJob) { core.fail(job, CancellationError()) }

    /// The error of an operation that has waited for too long, beside as many others.
    package func waitedTooLong(waiting: Int) -> MySQLError { core.waitedTooLong(waiting: waiting) }

    /// The error of an operation that may not even wait.
    package var tooManyWaiting: MySQLError { core.tooManyWaiting }

    /// Closes the pool: work under way is finished, what waits and what comes later is refused with `closed`.
    ///
    /// Returns when the last connection is closed.
    public func close() async {
        core.close()
        await core.allClosed()
    }
}

extension MySQLPool: CustomStringConvertible {
    /// The address and the status.
    public var description: String {
        let status = status
        return "MySQLPool(\(core.address), connections: \(status.connections), inUse: \(status.inUse), "
            + "waiting: \(status.waiting))"
    }
}
