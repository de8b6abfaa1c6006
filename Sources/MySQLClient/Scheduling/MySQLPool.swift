import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix
import Synchronization

public import Logging

#if ServiceLifecycle
    public import ServiceLifecycle
#endif

/// A bounded pool of connections to a server; of several servers, to one at a time, see
/// ``MySQLConfiguration/addresses``.
///
/// Requests are queued in order of arrival, and a free connection takes the oldest. Connections are opened
/// on demand, and closed when they are idle, too old or broken. Deallocating the pool closes them all.
///
/// Nothing blocks a thread: connections run on NIO's event loops, which can be the application's
/// (``MySQLConfiguration/Pool/eventLoopGroup``).
public final class MySQLPool: Sendable {
    /// A snapshot of the pool's state.
    public struct Status: Sendable, Equatable {
        /// Connections that are open or being opened; never more than the configured maximum.
        public var connections = 0
        /// Connections in use.
        public var inUse = 0
        /// Operations that wait for a connection.
        public var waiting = 0
    }

    /// The server in use.
    package struct Server: Sendable, Hashable {
        package let address: MySQLConfiguration.Address
        /// nil: no connection was opened yet.
        package let flavor: MySQLServer.Flavor?
    }

    /// The configuration.
    public let configuration: MySQLConfiguration
    private let servers: ServerList
    private let shards: [Scheduler]
    /// The shard for each event loop, of a pool that is divided.
    private let shardOfEventLoop: [ObjectIdentifier: Scheduler]
    private let turn = Atomic(0)
    /// Removed lanes. A lane has the same ID in all shards, which is reused once no shard has requests of the lane.
    private let removedLanes = NIOLockedValueBox<[LaneID]>([])

    /// A pool from a URL; see ``MySQLConfiguration/init(url:)``. Nothing is opened yet.
    ///
    /// - Parameter url: `mysql://user:password@host/database?…`
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    public convenience init(url: String) throws(MySQLError) {
        try self.init(MySQLConfiguration(url: url))
    }

    /// A pool from a configuration. Nothing is opened yet.
    ///
    /// - Parameter configuration: The servers, and the pool's limits.
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    public init(_ configuration: MySQLConfiguration) throws(MySQLError) {
        try configuration.validate()
        self.configuration = configuration
        let (pool, log) = (configuration.pool, MetadataLogger(configuration.observability))
        let servers = ServerList(configuration.addresses)
        self.servers = servers
        let eventLoops = Array(pool.eventLoopGroup.makeIterator().prefix(pool.maximumConnections))
        guard pool.hasShardPerEventLoop, eventLoops.count > 1 else {
            let instrumentation = PoolInstrumentation(
                configuration, maximumConnections: pool.maximumConnections, shard: nil)
            shards = [
                Scheduler(
                    configuration, maximumConnections: pool.maximumConnections, on: eventLoops, servers, log,
                    instrumentation)
            ]
            shardOfEventLoop = [:]
            return
        }
        let (share, rest) = pool.maximumConnections.quotientAndRemainder(dividingBy: eventLoops.count)
        shards = eventLoops.enumerated().map { index, eventLoop in
            let connections = share + (index < rest ? 1 : 0)
            let instrumentation = PoolInstrumentation(configuration, maximumConnections: connections, shard: index)
            return Scheduler(
                configuration, maximumConnections: connections, on: [eventLoop], servers, log, instrumentation)
        }
        shardOfEventLoop = Dictionary(uniqueKeysWithValues: zip(eventLoops.map { ObjectIdentifier($0) }, shards))
    }

    /// A pool from a URL, with a logger. Nothing is opened yet.
    ///
    /// - Parameters:
    ///   - url: `mysql://user:password@host/database?…`
    ///   - logger: Logs events of the pool and the store; see ``MySQLObservability/logger``.
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    public convenience init(url: String, logger: Logger) throws(MySQLError) {
        var configuration = try MySQLConfiguration(url: url)
        configuration.observability.logger = logger
        try self.init(configuration)
    }

    deinit {
        for shard in shards { shard.close() }
    }

    /// The server in use.
    package var server: Server { servers.present }

    /// All servers, in the order in which they are tried.
    package var candidates: [MySQLConfiguration.Address] { servers.candidates }

    /// The pool's present state.
    public var status: Status {
        shards.reduce(into: Status()) { sum, shard in
            let status = shard.status
            sum.connections += status.connections
            sum.inUse += status.inUse
            sum.waiting += status.waiting
        }
    }

    /// Runs a closure with exclusive use of a connection.
    ///
    /// - Parameters:
    ///   - deadline: When waiting for a connection, or the closure's work on it, times out; nil: the configuration's
    ///     `operationTimeout` from now. The connection is then closed, and pending calls of the closure throw
    ///     `deadlineExceeded`.
    ///   - isolation: The caller's, where the closure runs.
    ///   - body: The work. The connection must not escape.
    /// - Returns: What the closure returns.
    /// - Throws: What the closure throws; ``MySQLError`` `acquisitionTimedOut`, `tooManyQueuedOperations`, `connectionFailed`,
    ///   `accessDenied`, `insecure`, `closed`; or `CancellationError` if the task is cancelled while it waits.
    @discardableResult
    package func withConnection<T>(
        deadline: ContinuousClock.Instant? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (MySQLConnection) async throws -> T
    ) async throws -> T {
        let end =
            NIODeadline.now()
            + TimeAmount(of: deadline.map { ContinuousClock.now.duration(to: $0) } ?? configuration.operationTimeout)
        return try await withConnection(until: end, body)
    }

    /// As `withConnection(deadline:)`.
    @discardableResult
    package func withConnection<T>(
        until deadline: NIODeadline, isolation: isolated (any Actor)? = #isolation,
        _ body: (MySQLConnection) async throws -> T
    ) async throws -> T {
        let scheduler = scheduler
        let request = LeaseRequest(
            lane: .exclusive, size: 0, created: .now(), waitsUntil: configuration.pool.endOfWait(deadline),
            deadline: deadline)
        let lease = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                request.wait(continuation)
                scheduler.submit(request)
            }
        } onCancel: {
            scheduler.cancel(request)
        }
        do {
            let time = Duration.nanoseconds((deadline - .now()).nanoseconds)
            let result = try await lease.connection.allowing(time, insteadOf: configuration.operationTimeout) {
                try await body(lease.connection)
            }
            await lease.end()
            return result
        } catch {
            await lease.end()
            throw error
        }
    }

    // MARK: - Batches

    /// The scheduler for the requests of the current task.
    package var scheduler: Scheduler {
        guard shards.count > 1 else { return shards[0] }
        if let eventLoop = MultiThreadedEventLoopGroup.currentEventLoop,
            let shard = shardOfEventLoop[ObjectIdentifier(eventLoop)]
        {
            return shard
        }
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return shards[Int(turn.magnitude % shards.count.magnitude)]
    }

    /// Opens a lane for requests that are sent in batches.
    package func addLane(_ policy: LanePolicy, _ executor: @escaping BatchExecutor) -> LaneID {
        removedLanes.withLockedValue { removed in
            let free = removed.firstIndex { id in shards.allSatisfy { $0.hasForgotten(id) } }
            let former = free.map { removed.remove(at: $0) }
            return shards.map { $0.addLane(policy, executor, inPlaceOf: former) }[0]
        }
    }

    /// Closes a lane, once it has no more requests.
    package func removeLane(_ id: LaneID) {
        removedLanes.withLockedValue { removed in
            for shard in shards { shard.removeLane(id) }
            removed.append(id)
        }
    }

    /// Closes the pool: operations in progress complete; queued and later ones are refused with `closed`.
    ///
    /// Returns when the last connection that was in use is free. It doesn't wait for connections that are being opened.
    public func close() async {
        for shard in shards { shard.close() }
        for shard in shards { await shard.allClosed() }
    }
}

extension MySQLPool: CustomStringConvertible {
    /// The address and the status.
    public var description: String {
        let status = status
        return "MySQLPool(\(server.address), connections: \(status.connections), inUse: \(status.inUse), "
            + "waiting: \(status.waiting))"
    }
}

extension MySQLPool: CustomReflectable {
    /// The address and the status: `dump` must not wander through the event loops to the connections of others.
    public var customMirror: Mirror {
        Mirror(self, children: ["server": "\(server.address)", "status": status], displayStyle: .class)
    }
}

#if ServiceLifecycle
    extension MySQLPool: Service {
        /// Waits for a graceful shutdown, or until the task is cancelled, and closes the pool; see ``close()``.
        ///
        /// Services are shut down in the opposite order of their list: name the pool before the stores that use it.
        public func run() async {
            // It throws when the task is cancelled, which also ends the service.
            try? await gracefulShutdown()
            await close()
        }
    }
#endif
