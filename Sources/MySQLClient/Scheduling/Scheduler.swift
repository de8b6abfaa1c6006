import MySQLProtocol
package import NIOCore
import NIOConcurrencyHelpers

/// Executes the actions of the ``SchedulerStateMachine``: opens and closes connections, gives them batches, answers
/// callers.
///
/// There is one for a pool, or one for each event loop of a divided pool.
package final class Scheduler: @unchecked Sendable {
    // Safe: `timer` is accessed only on the first event loop.

    typealias ConnectionID = SchedulerStateMachine.ConnectionID
    typealias Action = SchedulerStateMachine.Action

    /// (In a structure, since a closure in a collection is called through another one.)
    private struct Executor {
        let execute: BatchExecutor
    }

    private struct State {
        var machine: SchedulerStateMachine
        var connections: [ConnectionID: MySQLConnection] = [:]
        var attempts: [ConnectionID: Task<Void, Never>] = [:]
        /// By the lane's number.
        var executors = [Executor(execute: Lease.execute), Executor(execute: TerminationRequest.execute)]
        var waitingForClose: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        var nextPing = NIODeadline.uptimeNanoseconds(0)
    }

    private let configuration: MySQLConfiguration
    private let factory: ConnectionFactory
    private let servers: ServerList
    private let eventLoops: [any EventLoop]
    private let log: MetadataLogger
    private let instrumentation: PoolInstrumentation
    private let state: NIOLockedValueBox<State>
    /// On the first event loop.
    private var timer: (time: NIODeadline, Scheduled<Void>)?

    init(
        _ configuration: MySQLConfiguration, maximumConnections: Int, on eventLoops: [any EventLoop],
        _ servers: ServerList, _ log: MetadataLogger, _ instrumentation: PoolInstrumentation
    ) {
        self.configuration = configuration
        factory = ConnectionFactory(configuration)
        self.servers = servers
        self.eventLoops = eventLoops
        self.log = log
        self.instrumentation = instrumentation
        let pool = configuration.pool
        state = NIOLockedValueBox(
            State(
                machine: SchedulerStateMachine(
                    SchedulerStateMachine.Configuration(
                        maximumConnections: maximumConnections, maximumQueuedOperations: pool.maximumQueuedOperations,
                        idleTimeout: TimeAmount(of: pool.idleTimeout),
                        maximumLifetime: TimeAmount(of: pool.maximumLifetime)))))
    }

    var status: SchedulerStateMachine.Status { state.withLockedValue(\.machine.status) }

    /// Changes the state, updates the metrics, and executes the actions.
    private func change(_ body: (inout State) -> [Action]) {
        let actions = state.withLockedValue { state in
            defer { if instrumentation.isOn { instrumentation.status(state.machine.status) } }
            return body(&state)
        }
        perform(actions)
    }

    // MARK: - Lanes and requests

    func addLane(_ policy: LanePolicy, _ executor: @escaping BatchExecutor, inPlaceOf former: LaneID?) -> LaneID {
        state.withLockedValue { state in
            let id = state.machine.addLane(policy, inPlaceOf: former)
            let executor = Executor(execute: executor)
            if former == nil { state.executors.append(executor) } else { state.executors[id.rawValue] = executor }
            return id
        }
    }

    /// A removed lane has no more requests.
    func hasForgotten(_ id: LaneID) -> Bool { state.withLockedValue { $0.machine.hasForgotten(id) } }

    func removeLane(_ id: LaneID) {
        state.withLockedValue { $0.machine.removeLane(id) }
    }

    /// Submits a request, which is always answered.
    package func submit(_ request: ScheduledRequest) {
        change { $0.machine.enqueue(request, now: .now()) }
    }

    /// The request's task was cancelled: it is answered, unless it was sent.
    package func cancel(_ request: ScheduledRequest) {
        change { $0.machine.cancel(request) }
    }

    // MARK: - Actions

    /// Executes actions. `current` is a connection on this event loop: it takes its next batch immediately.
    private func perform(_ actions: [Action], current: ConnectionID? = nil) {
        for action in actions {
            switch action {
            case .schedule(let id):
                if id == current { take(id) } else { connection(id)?.handler.eventLoop.execute { self.take(id) } }
            case .open(let id): open(id)
            case .close(let id): close(id)
            case .expire(let id, let requests): expire(id, requests)
            case .abandon(let id): abandon(id)
            case .fail(let requests, let reason):
                let error = error(reason)
                for request in requests { request.fail(error) }
            case .setTimer: eventLoops[0].execute { self.setTimer() }
            case .allClosed:
                let waiting = state.withLockedValue { state in
                    defer { state.waitingForClose = [] }
                    state.isClosed = true
                    return state.waitingForClose
                }
                for continuation in waiting { continuation.resume() }
            }
        }
    }

    private func connection(_ id: ConnectionID) -> MySQLConnection? {
        state.withLockedValue { $0.connections[id] }
    }

    private func error(_ reason: SchedulerStateMachine.FailureReason) -> any Error {
        switch reason {
        case .cancelled: return CancellationError()
        case .closed: return MySQLError(.closed, "the pool is closed")
        case .tooManyQueuedOperations:
            return MySQLError(
                .tooManyQueuedOperations,
                "\(configuration.pool.maximumQueuedOperations) operations are queued, which is the limit; nothing was sent"
            )
        case .stillConnecting:
            return MySQLError(
                .connectionFailed, "\(servers.present.address): still connecting; nothing was sent")
        case .connection(let error): return error
        case .waitedTooLong(let status):
            instrumentation.timedOut()
            return MySQLError(
                .acquisitionTimedOut,
                "no connection became free in time: \(status.inUse) of \(configuration.pool.maximumConnections) in "
                    + "use, \(status.waiting) operations queued; nothing was sent")
        }
    }

    private func setTimer() {
        let time = state.withLockedValue(\.machine.timerTime)
        guard time < .distantFuture, time < timer?.time ?? .distantFuture else { return }
        timer?.1.cancel()
        timer = (time, eventLoops[0].scheduleTask(deadline: time) { self.timerFired() })
    }

    private func timerFired() {
        timer = nil
        change { $0.machine.timerFired(now: .now()) }
    }

    // MARK: - Connections

    private func open(_ id: ConnectionID) {
        let eventLoop = eventLoops[id % eventLoops.count]
        let task = Task {
            let begun = NIODeadline.now()
            do throws(MySQLError) {
                let connection = try await factory.openFirst(of: servers.candidates, on: eventLoop)
                eventLoop.execute { self.opened(id, connection, in: .now() - begun) }
            } catch {
                openFailed(id, error)
            }
        }
        state.withLockedValue { $0.attempts[id] = task }
    }

    /// On the connection's event loop.
    private func opened(_ id: ConnectionID, _ connection: MySQLConnection, in time: TimeAmount) {
        guard connection.handler.isUsable else {
            return openFailed(id, MySQLError(.connectionFailed, "the connection was lost immediately"))
        }
        let decision = servers.opened(connection)
        if case .refuse = decision {
            connection.handler.quit()
            return openFailed(id, MySQLError(.connectionFailed, "\(connection.address) is not the server in use"))
        }
        instrumentation.created(in: time)
        let facts: MetadataLogger.Facts = [
            \.serverAddress: "\(connection.address)", \.serverVersion: connection.server.version,
        ]
        if case .moved(let former) = decision {
            instrumentation.failedOver()
            log.log(.notice, "switched to another server", facts.merging([\.formerServer: "\(former)"]) { $1 })
        }
        connection.handler.onEnd = { [self] in ended(id, connection) }
        connection.handler.onDemotion = { [self] in leaveServer(id, connection) }
        var isRecovery = false
        let lifetime = TimeAmount(of: configuration.pool.maximumLifetime * Double.random(in: 0.9...1))
        change { state in
            isRecovery = state.machine.isRecovering
            state.attempts[id] = nil
            state.connections[id] = connection
            state.machine.measured(connection.roundTrip, now: .now())
            return state.machine.opened(id, lifetime: lifetime, now: .now())
        }
        log.log(isRecovery ? .info : .debug, "connection opened", facts)
    }

    private func openFailed(_ id: ConnectionID, _ error: MySQLError) {
        let isFinal = error.code != .connectionFailed
        var isNews = false
        change { state in
            isNews = !state.machine.isRecovering
            state.attempts[id] = nil
            return state.machine.openFailed(
                id, error, isFinal: isFinal, jitter: .random(in: 0...1), now: .now())
        }
        if isNews { log.log(.info, "connection failed", [\.error: "\(error)"]) }
    }

    private func close(_ id: ConnectionID) {
        let (connection, attempt) = state.withLockedValue { state in
            (state.connections.removeValue(forKey: id), state.attempts.removeValue(forKey: id))
        }
        connection?.close()
        attempt?.cancel()
    }

    /// A connection has ended, whatever the reason. On its event loop.
    private func ended(_ id: ConnectionID, _ connection: MySQLConnection) {
        servers.closed(connection.address)
        change { state in
            state.connections[id] = nil
            return state.machine.lost(id, now: .now())
        }
    }

    // MARK: - Batches, on the event loop of their connection

    private func take(_ id: ConnectionID) {
        var actions: [Action] = []
        let taken = state.withLockedValue {
            state -> (MySQLConnection, Executor, SchedulerStateMachine.Batch, SchedulerStateMachine.Ping)? in
            defer { if instrumentation.isOn { instrumentation.status(state.machine.status) } }
            guard let connection = state.connections[id] else { return nil }
            let now = NIODeadline.now()
            let (batch, further) = state.machine.take(
                id, byteLimit: connection.handler.statementSize, now: now)
            actions = further
            guard let batch else { return nil }
            let executor = state.executors[batch.lane.rawValue]
            let ping = state.nextPing <= now ? batch.ping : .none
            if ping != .none { state.nextPing = now + Self.pingInterval }
            return (connection, executor, batch, ping)
        }
        perform(actions)
        guard let (connection, executor, batch, ping) = taken else { return }
        instrumentation.waited(batch)
        connection.handler.beginWork()
        switch ping {
        case .none: start(batch, executor, id, connection)
        case .together:
            measure(connection) {}
            start(batch, executor, id, connection)
        case .before:
            measure(connection) { [self] in start(batch, executor, id, connection) }
            connection.handler.flush()
        }
    }

    private func start(
        _ batch: SchedulerStateMachine.Batch, _ executor: Executor, _ id: ConnectionID,
        _ connection: MySQLConnection
    ) {
        guard connection.handler.lagsBehind else { return execute(batch, executor, id, connection) }
        connection.handler.catchUp { [self] failure in
            guard let failure else { return execute(batch, executor, id, connection) }
            finished(id, connection, batch) { for request in batch.requests { request.fail(failure) } }
        }
    }

    private func execute(
        _ batch: SchedulerStateMachine.Batch, _ executor: Executor, _ id: ConnectionID,
        _ connection: MySQLConnection
    ) {
        executor.execute(batch.requests, connection) { [self] answer in
            finished(id, connection, batch, answer)
        }
    }

    private func finished(
        _ id: ConnectionID, _ connection: MySQLConnection, _ batch: SchedulerStateMachine.Batch,
        _ answer: @escaping () -> Void
    ) {
        let handler = connection.handler
        instrumentation.used(batch)
        // A batch must not be written after a transaction that this one has left open.
        let isUsable = handler.isUsable && !handler.isInTransaction
        let actions = state.withLockedValue { state in
            defer { if instrumentation.isOn { instrumentation.status(state.machine.status) } }
            if !isUsable { state.connections[id] = nil }
            return state.machine.finished(id, isUsable: isUsable, now: .now())
        }
        if !isUsable {
            log.log(.debug, "connection lost", [\.serverAddress: "\(connection.address)"])
            handler.quit()
        }
        // Requests that have arrived in the meantime are sent first.
        perform(actions, current: id)
        answer()
    }

    /// The server has said that it accepts no writes.
    private func leaveServer(_ id: ConnectionID, _ connection: MySQLConnection) {
        var isNews = false
        change { state in
            let (news, actions) = state.machine.leaveServer(of: id, now: .now())
            isNews = news
            return actions
        }
        if isNews { servers.leave(connection.address) }
    }

    /// Measures the round trip: the ping is answered before the server starts on the batch after it. `then` is called at
    /// the answer, or when the connection is lost.
    private func measure(_ connection: MySQLConnection, then: @escaping () -> Void) {
        let begun = NIODeadline.now()
        connection.handler.ping { [state] result in
            if case .success = result {
                let now = NIODeadline.now()
                state.withLockedValue { $0.machine.measured(now - begun, now: now) }
            }
            then()
        }
    }

    private static let pingInterval = TimeAmount.seconds(1)

    // MARK: - Deadlines

    private func expire(_ id: ConnectionID, _ requests: [ScheduledRequest]) {
        guard let connection = connection(id) else { return }
        connection.handler.eventLoop.execute {
            let error = MySQLError.deadlineExceeded(mayHaveBeenApplied: connection.handler.mayHaveChanged)
            for request in requests { request.fail(error) }
        }
    }

    private func abandon(_ id: ConnectionID) {
        guard let connection = connection(id) else { return }
        connection.handler.eventLoop.execute { [self] in
            log.log(
                .debug, "connection given up at a deadline", [\.serverAddress: "\(connection.address)"])
            let isAtWork = connection.handler.isAtWork
            connection.handler.fail(.deadlineExceeded(mayHaveBeenApplied: false))
            if isAtWork, let threadID = connection.threadID { submit(TerminationRequest(threadID)) }
        }
    }

    // MARK: - Closing

    func close() {
        change { $0.machine.close() }
    }

    func allClosed() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLockedValue { state in
                if !state.isClosed { state.waitingForClose.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }
}

extension TimeAmount {
    /// A duration, in whole nanoseconds.
    package init(of duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self = overflow ? .nanoseconds(.max / 4) : .nanoseconds(product &+ attoseconds / 1_000_000_000)
    }
}
