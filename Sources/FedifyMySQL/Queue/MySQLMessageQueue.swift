import FedifyKv
public import FedifyMQ
@_spi(Scheduling) public import MySQLClient
import NIOConcurrencyHelpers
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message queue in a table of MySQL 8.0+ or MariaDB 10.6+, the one of Fedify's TypeScript `MysqlMessageQueue`. It
/// delivers at least once.
///
/// ```swift
/// let queue = MySQLMessageQueue(pool)
/// try await queue.enqueue(Delivery(to: inbox))
/// try await queue.listen(for: Delivery.self, concurrency: 32) { delivery, message in
///     try await send(delivery)
/// }
/// ```
///
/// The table is created on first use if it doesn't exist. Every operation but `listen` ends within
/// `MySQLConfiguration.operationTimeout`, and throws `MQError`.
public final class MySQLMessageQueue: MessageQueue {
    /// The options of the queue.
    public let options: MySQLMessageQueueOptions
    /// The connections that the queue uses. Each `listen` opens one more, for the locks of ordering keys.
    public let pool: MySQLPool
    package let statements: QueueStatements
    let access: TableAccess
    private let inFlight = InFlightOperations()
    let listening = InFlightOperations()
    let instrumentation: QueueInstrumentation
    let listeners: NIOLockedValueBox<[ObjectIdentifier: Listener]>
    private let runner: EnqueueRunner
    private let lanes: RequestLanes<EnqueueRequest, Bool>

    /// A queue in the table `fedify_mq`. Nothing is sent yet.
    ///
    /// - Parameter pool: The connections, which others may use too. The queue uses the pool's logger, metrics and
    ///   tracer.
    public convenience init(_ pool: MySQLPool) {
        self.init(pool, checked: MySQLMessageQueueOptions())
    }

    /// A queue with options. Nothing is sent yet.
    ///
    /// - Parameters:
    ///   - pool: The connections, which others may use too. The queue uses the pool's logger, metrics and tracer.
    ///   - options: The table's name, leases, attempts.
    /// - Throws: `MQError` `invalidConfiguration`.
    public convenience init(_ pool: MySQLPool, options: MySQLMessageQueueOptions) throws(MQError) {
        try options.validate()
        self.init(pool, checked: options)
    }

    private init(_ pool: MySQLPool, checked options: MySQLMessageQueueOptions) {
        self.options = options
        self.pool = pool
        let statements = QueueStatements(options)
        self.statements = statements
        let batches = StoreInstrumentation(pool, table: options.tableName)
        let schema = QueueSchema(statements: statements, tableName: options.tableName)
        access = TableAccess(
            pool: pool, log: MetadataLogger(pool.configuration.observability), instrumentation: batches
        ) { connection throws(MySQLError) in
            try await schema.create(on: connection)
        }
        instrumentation = QueueInstrumentation(pool, queue: options.tableName)
        let listeners = NIOLockedValueBox<[ObjectIdentifier: Listener]>([:])
        self.listeners = listeners
        let runner = EnqueueRunner(statements: statements) { count in
            guard count > 0 else { return nil }
            for listener in listeners.withLockedValue({ Array($0.values) }) {
                if let reservation = listener.handOff.reserve(count) { return reservation }
            }
            return nil
        }
        self.runner = runner
        var policy = LanePolicy(maximumRequests: options.maximumRows, isAdaptive: true, isWrite: true)
        policy.batchSize = { BatchSize.bucket(notAbove: $0) }
        lanes = RequestLanes(pool, .enqueue, policy, batches) { requests, connection, done in
            runner.enqueue(Array(requests), on: connection, done)
        }
    }

    deinit {
        lanes.close(pool)
    }

    // MARK: - MessageQueue

    /// How typed messages are encoded and decoded; see ``MySQLMessageQueueOptions/coding``.
    public var coding: JSONCoding { options.coding }

    /// Enqueues messages: all, or none. See `MessageQueue.enqueue(_:delay:orderingKey:)`.
    ///
    /// A connection that is lost is no failure: the messages have IDs of their own, so that they are there once however
    /// often they are sent.
    ///
    /// - Throws: `MQError` `invalidMessage`, `unsupportedMessage`, `messageTooLarge`, `invalidDelay`,
    ///   `invalidOrderingKey`, `connectionFailed`, `overloaded`, `cancelled`, `serverError` or `closed`; at
    ///   `deadlineExceeded` they may have been enqueued.
    public func enqueue(_ messages: [JSONValue], delay: Duration, orderingKey: String?) async throws(MQError) {
        let requests = try self.requests(messages, delay, orderingKey)
        guard !requests.isEmpty else { return }
        let isHandedOff = try await perform {
            try await self.instrumentation.sending(requests.count) {
                if requests.count == 1 { return try await self.enqueue(requests[0]) }
                try await self.enqueue(requests)
                return false
            }
        }
        if delay == .zero, !isHandedOff { enqueued(orderingKey) }
    }

    /// - Returns: Whether a handler of this process has it.
    private func enqueue(_ request: EnqueueRequest) async throws -> Bool {
        var attempts = Attempts(access)
        var request = request
        while true {
            do {
                return try await lanes.submit(
                    request, isBatched: attempts.failed == 0, to: pool, until: attempts.deadline)
            } catch let failure as MySQLError {
                request.isRepeated = request.isRepeated || failure.mayHaveBeenApplied
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }

    private func enqueue(_ requests: [EnqueueRequest]) async throws {
        var attempts = Attempts(access)
        var requests = requests
        while true {
            do {
                return try await pool.withConnection(until: attempts.deadline) { [requests] connection in
                    try await runner.enqueueAll(requests, on: connection)
                }
            } catch let failure as MySQLError {
                requests[0].isRepeated = requests[0].isRepeated || failure.mayHaveBeenApplied
                try await attempts.pause(after: failure)
            } catch is CancellationError {
                throw attempts.cancelled
            }
        }
    }

    func requests(
        _ messages: [JSONValue], _ delay: Duration, _ orderingKey: String?
    ) throws(MQError) -> [EnqueueRequest] {
        try OrderingKey.check(orderingKey)
        let microseconds = try MessageDelay(delay).microseconds
        let ids = MessageID.make(messages.count, at: Int64(Date().timeIntervalSince1970 * 1e6))
        var requests: [EnqueueRequest] = []
        requests.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() {
            // A microsecond apart, so that they keep their order (Fedify).
            requests.append(
                EnqueueRequest(
                    id: ids[index], message: message, summary: try message.messageSummary(),
                    delay: microseconds + Int64(index),
                    orderingKey: orderingKey))
        }
        return requests
    }

    /// How many messages there are.
    ///
    /// Those that other processes have in work count as delayed. It reads an index of the whole table.
    public func depth() async throws(MQError) -> QueueDepth {
        var depth = try await perform {
            try await self.access.withConnection { [statements = self.statements] connection in
                let row = try await connection.rows(statements.depth).rows.first
                var depth = QueueDepth(queued: Int(row?.integer(0) ?? 0), ready: Int(row?.integer(1) ?? 0))
                do throws(MySQLError) {
                    depth.dead = Int(try await connection.rows(statements.deadCount).rows.first?.integer(0) ?? 0)
                } catch {
                    // Without the table, none has died yet.
                    guard error.serverCode == ServerErrorCode.noSuchTable else { throw error }
                }
                return depth
            }
        }
        let listeners = Array(listeners.withLockedValue(\.values))
        var (leased, keyed) = (0, 0)
        for listener in listeners {
            let work = await listener.inWork
            leased += work.leased
            keyed += work.keyed
        }
        depth.inWork = leased + keyed
        depth.ready = max(0, depth.ready - keyed)
        depth.delayed = max(0, depth.queued - depth.ready - depth.inWork)
        return depth
    }

    /// Records the gauges of the whole queue.
    func measure() async {
        guard let depth = try? await depth() else { return }
        let found = try? await pool.withConnection { [statements] connection in
            let oldest = try await connection.rows(statements.oldestReady).rows.first?.integer(0) ?? 0
            // Only a user with the right PROCESS may see it.
            let history = try? await connection.rows(QueueStatements.historyLength).rows.first?.integer(0)
            return (oldest: Duration.microseconds(oldest), history: history.map { Int($0) })
        }
        instrumentation.state(depth, oldest: found?.oldest ?? .zero, history: found?.history)
    }

    // MARK: - Schema

    /// Creates the table, and that of dead messages, if they don't exist. (Fedify: `initialize()`.) `enqueue` and
    /// `listen` do this by themselves on first use.
    ///
    /// - Parameter upgrading: Whether to add the columns that a table made by Fedify's TypeScript queue lacks,
    ///   `attempts` and `last_error`, as an instant change of its definition. Without them attempts are counted by each
    ///   process for itself.
    /// - Throws: `MQError` `serverError` if the user has no right to do so.
    public func initialize(upgrading: Bool = false) async throws(MQError) {
        let schema = QueueSchema(statements: statements, tableName: options.tableName)
        try await perform {
            try await self.access.withConnection(RetryPolicy(createsTable: false)) { connection in
                try await schema.create(on: connection)
                try await schema.createDeadTable(on: connection)
                if upgrading { try await schema.upgrade(on: connection) }
            }
        }
    }

    /// Drops the table and that of dead messages, with all messages, if they exist. The next operation creates the table
    /// again.
    public func drop() async throws(MQError) {
        try await perform {
            try await self.access.withConnection(RetryPolicy(createsTable: false)) { [statements = self.statements] in
                _ = try await $0.query("DROP TABLE IF EXISTS \(statements.table)")
                _ = try await $0.query("DROP TABLE IF EXISTS \(statements.deadTable)")
            }
        }
    }

    // MARK: - Life

    /// Closes the queue: listeners end as at a shutdown, see ``listen(concurrency:handler:)``, operations in progress
    /// complete, and later ones are refused with `closed`. The pool stays open; close it afterwards.
    public func close() async {
        // Refused first: a `listen` that begins at this moment is either among the listeners, or sees that it is closed.
        listening.refuse()
        for listener in listeners.withLockedValue({ Array($0.values) }) { await listener.stop() }
        // Handlers may enqueue until they have ended.
        await listening.close()
        await inFlight.close()
    }

    /// Runs an operation, unless the queue is closed.
    func perform<T>(
        _ operations: InFlightOperations? = nil, _ body: () async throws -> T
    ) async throws(MQError) -> T {
        let operations = operations ?? inFlight
        do {
            try operations.enter()
            defer { operations.leave() }
            return try await body()
        } catch {
            throw MQError(wrapping: error)
        }
    }

    /// Messages were enqueued here: listeners needn't wait for their next look.
    private func enqueued(_ orderingKey: String?) {
        for listener in listeners.withLockedValue({ Array($0.values) }) { listener.enqueued(orderingKey) }
    }
}
