package import NIOCore

/// Assigns requests to connections, opens and closes connections, and times out waiting requests.
///
/// It is a value: events are method calls with the present time, which return actions. It has no lock, clock, socket or
/// task, so tests drive it step by step, and a simulator through whole histories.
///
/// A free connection takes the oldest request of all lanes, and other requests of that lane that fit into a batch. A
/// single request is sent immediately: requests are never delayed to fill a batch.
package struct SchedulerStateMachine {
    /// The ID of a connection, or of an attempt to open one. Never reused.
    package typealias ConnectionID = Int

    package struct Configuration: Sendable {
        package var maximumConnections: Int
        package var maximumQueuedOperations: Int
        package var idleTimeout: TimeAmount
        package var maximumLifetime: TimeAmount
        /// The maximum number of connection attempts at a time. Together with the backoff it bounds the load on a
        /// server that refuses: a dozen attempts in three seconds, whatever the number of callers.
        package var maximumOpening = 4
        /// The pause after the first failed attempt; it doubles with each one up to ``longestBackoff``.
        package var shortestBackoff = TimeAmount.milliseconds(100)
        package var longestBackoff = TimeAmount.milliseconds(1000)

        package init(
            maximumConnections: Int, maximumQueuedOperations: Int, idleTimeout: TimeAmount, maximumLifetime: TimeAmount
        ) {
            self.maximumConnections = maximumConnections
            self.maximumQueuedOperations = maximumQueuedOperations
            self.idleTimeout = idleTimeout
            self.maximumLifetime = maximumLifetime
        }
    }

    /// Actions for the caller to execute, in this order.
    package enum Action {
        /// The connection is reserved: call ``take(_:byteLimit:now:)`` for it, as soon as its event loop is done with
        /// its current work.
        case schedule(ConnectionID)
        /// Try to open a connection; then call ``opened(_:lifetime:now:)`` or
        /// ``openFailed(_:_:isFinal:jitter:now:)``.
        case open(ConnectionID)
        /// Close an idle connection, or give up an attempt to open one.
        case close(ConnectionID)
        /// The deadline of these requests has passed while their batch was in progress: answer them.
        case expire(ConnectionID, [ScheduledRequest])
        /// No request of this batch is waiting any more: abort it.
        case abandon(ConnectionID)
        /// Answer these, which were not sent.
        case fail([ScheduledRequest], FailureReason)
        /// Call ``timerFired(now:)`` at this time. It replaces an earlier timer.
        case setTimer(NIODeadline)
        /// The machine is closed, and so is every connection.
        case allClosed
    }

    /// Why a request fails without having been sent.
    package enum FailureReason {
        case cancelled
        case closed
        /// The limit of queued requests is reached.
        case tooManyQueuedOperations
        /// No connection became free in time.
        case waitedTooLong(Status)
        /// A connection is still being opened.
        case stillConnecting
        /// No connection can be opened.
        case connection(MySQLError)
    }

    package struct Status: Equatable, Sendable {
        package var connections = 0
        package var inUse = 0
        package var idle = 0
        package var waiting = 0
    }

    /// Requests that are sent together.
    package struct Batch {
        package let requests: [ScheduledRequest]
        package let lane: LaneID
        package let began: NIODeadline
        package let ping: Ping
    }

    /// How a ping that measures the round trip is sent with a batch.
    package enum Ping {
        case none
        /// Together: the batch changes no data, so a lost answer to the ping has no consequence.
        case together
        /// The batch waits for its answer.
        case before
    }

    private enum Phase {
        case opening
        case idle(since: NIODeadline)
        /// Its event loop was asked to take requests.
        case reserved
        case busy(Batch, nextDeadline: NIODeadline)
    }

    private struct Connection {
        var phase: Phase
        /// When it reaches its maximum lifetime.
        var expires = NIODeadline.distantFuture
        /// The server's, see ``leaveServer(of:now:)``.
        var generation = 0
    }

    private struct Lane {
        let policy: LanePolicy
        var queue = RequestQueue()
        /// Batches under way.
        var batches = 0
        /// The limits for the present round trip.
        var limits: BatchPolicy
        var isRemoved = false
        /// Its ID may be reused.
        var isForgotten = false
        /// How many more connections its waiting requests justify, see ``SchedulerStateMachine/changed(_:)``.
        var wanted = 0

        mutating func updateWanted() {
            let count = queue.count
            guard count > 0 else {
                wanted = 0
                return
            }
            let eager = min(count, max(0, limits.eager - batches))
            let full = min(count / policy.maximumRequests, max(0, limits.maximum - batches))
            wanted = max(eager, full)
        }
    }

    private let configuration: Configuration
    private var lanes: [Lane] = []
    /// How many more connections the waiting requests of all lanes justify.
    private var wanted = 0
    private var connections: [ConnectionID: Connection] = [:]
    /// The most recently used one at the end: few connections stay busy, the others become idle.
    private var idle: [ConnectionID] = []
    private var reserved = 0
    private var opening = 0
    private var waiting = 0
    private var arrivals = 0
    private var lastID = 0
    /// Incremented when the pool leaves a server. Connections of an earlier generation finish their work and are
    /// closed.
    private var generation = 0
    /// Failed connection attempts since the last success.
    private var failures = 0
    private var lastFailure: MySQLError?
    private var retryAt: NIODeadline?
    /// When a connection was lost last.
    private var lastLoss: NIODeadline?
    /// The last open connection was lost and none was opened since: the server may be down.
    private var isCutOff = false
    private var timer = NIODeadline.distantFuture
    private var roundTrip = RoundTripEstimate()
    private var isClosed = false
    private var isAllClosed = false

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        for _ in [LaneID.exclusive, .termination] { _ = addLane(LanePolicy()) }
    }

    package var status: Status {
        Status(
            connections: connections.count, inUse: connections.count - opening - reserved - idle.count,
            idle: idle.count, waiting: waiting)
    }

    /// The last attempt to open a connection has failed.
    package var isRecovering: Bool { failures > 0 }

    package var estimatedRoundTrip: TimeAmount? { roundTrip.value }

    /// When ``timerFired(now:)`` is to be called.
    package var timerTime: NIODeadline { timer }

    // MARK: - Lanes

    /// Opens a lane.
    ///
    /// - Parameters:
    ///   - policy: How its requests are batched.
    ///   - former: The ID of a removed lane, to be reused; nil: a new one.
    /// - Returns: Its ID.
    package mutating func addLane(_ policy: LanePolicy, inPlaceOf former: LaneID? = nil) -> LaneID {
        let lane = Lane(policy: policy, limits: limits(policy))
        if let former {
            precondition(hasForgotten(former))
            lanes[former.rawValue] = lane
            return former
        }
        lanes.append(lane)
        return LaneID(rawValue: lanes.count - 1)
    }

    /// A lane was removed and has no more requests.
    package func hasForgotten(_ id: LaneID) -> Bool { lanes[id.rawValue].isForgotten }

    /// Removes a lane after its last batch.
    package mutating func removeLane(_ id: LaneID) {
        lanes[id.rawValue].isRemoved = true
        changed(id.rawValue)
    }

    /// To be called after every change of a lane: updates the number of wanted connections, and drops a removed lane
    /// after its last batch.
    private mutating func changed(_ index: Int) {
        wanted -= lanes[index].wanted
        lanes[index].updateWanted()
        wanted += lanes[index].wanted
        if lanes[index].isRemoved, lanes[index].batches == 0, lanes[index].queue.isEmpty {
            lanes[index].isForgotten = true
        }
    }

    private func limits(_ policy: LanePolicy) -> BatchPolicy {
        BatchPolicy(policy, roundTrip: roundTrip.value, connections: configuration.maximumConnections)
    }

    // MARK: - Requests

    /// A caller submits a request.
    package mutating func enqueue(_ request: ScheduledRequest, now: NIODeadline) -> [Action] {
        if request.isCancelled { return [.fail([request], .cancelled)] }
        let index = request.lane.rawValue
        if isClosed || lanes[index].isRemoved { return [.fail([request], .closed)] }
        guard waiting < configuration.maximumQueuedOperations else {
            return [.fail([request], .tooManyQueuedOperations)]
        }
        arrivals += 1
        request.arrival = request.lane == .termination ? 0 : arrivals
        lanes[index].queue.append(request)
        waiting += 1
        changed(index)
        var actions: [Action] = []
        setTimer(request.waitsUntil, &actions)
        startConnections(&actions, now)
        return actions
    }

    /// The request's task was cancelled: it is dequeued immediately; requests that were sent complete.
    package mutating func cancel(_ request: ScheduledRequest) -> [Action] {
        request.isCancelled = true
        let index = request.lane.rawValue
        guard lanes[index].queue.remove(request) else { return [] }
        waiting -= 1
        changed(index)
        return [.fail([request], .cancelled)]
    }

    // MARK: - Connections

    /// Reserves idle connections for waiting requests, and opens more.
    private mutating func startConnections(_ actions: inout [Action], _ now: NIODeadline) {
        guard wanted > reserved, !isClosed else { return }
        // Opening a connection may take long or fail, so an idle connection is used even while one is being opened.
        while wanted > reserved, let id = idle.popLast() {
            connections[id]?.phase = .reserved
            reserved += 1
            actions.append(.schedule(id))
        }
        while wanted > reserved + opening, opening < configuration.maximumOpening,
            connections.count < configuration.maximumConnections, mayOpen(&actions, now)
        {
            lastID += 1
            connections[lastID] = Connection(phase: .opening, generation: generation)
            opening += 1
            actions.append(.open(lastID))
        }
    }

    /// While the server can't be reached, one attempt at a time is made for all waiting requests, with growing pauses.
    private mutating func mayOpen(_ actions: inout [Action], _ now: NIODeadline) -> Bool {
        guard failures > 0 || isCutOff else { return true }
        guard opening == 0 else { return false }
        guard let retryAt, retryAt > now else { return true }
        setTimer(retryAt, &actions)
        return false
    }

    /// A connection was opened.
    package mutating func opened(_ id: ConnectionID, lifetime: TimeAmount, now: NIODeadline) -> [Action] {
        guard var connection = connections[id], case .opening = connection.phase else { return [.close(id)] }
        var actions: [Action] = []
        opening -= 1
        isCutOff = false
        failures = 0
        lastFailure = nil
        retryAt = nil
        if connection.generation == generation {
            connection.expires = now + lifetime
            connections[id] = connection
            rest(id, &actions, now)
        } else {
            connections[id] = nil
            actions.append(.close(id))
        }
        startConnections(&actions, now)
        return actions
    }

    /// A connection could not be opened.
    ///
    /// - Parameters:
    ///   - id: The attempt.
    ///   - error: Why.
    ///   - isFinal: A permanent failure, for example a wrong password.
    ///   - jitter: Random, from 0 to 1: processes that lost the same server must not reconnect in step.
    ///   - now: The present time.
    /// - Returns: Actions.
    package mutating func openFailed(
        _ id: ConnectionID, _ error: MySQLError, isFinal: Bool, jitter: Double, now: NIODeadline
    ) -> [Action] {
        guard case .opening = connections[id]?.phase else { return [] }
        var actions: [Action] = []
        connections[id] = nil
        opening -= 1
        lastFailure = error
        // Attempts that started together count as one.
        if retryAt ?? now <= now {
            failures += 1
            let doubled = configuration.shortestBackoff.nanoseconds << Int64(min(failures - 1, 20))
            let longest = min(configuration.longestBackoff.nanoseconds, doubled)
            retryAt = now + .nanoseconds(Int64(Double(longest) * (0.5 + jitter / 2)))
        }
        if isFinal, connections.count == opening { failAll(.connection(error), &actions) }
        startConnections(&actions, now)
        finishClosing(&actions)
        return actions
    }

    /// Takes the batch of a reserved connection: the oldest request, and others of its lane that fit.
    ///
    /// - Parameters:
    ///   - id: The connection.
    ///   - byteLimit: The maximum size of a batch with more than one request, in bytes.
    ///   - now: The present time.
    /// - Returns: The batch, nil if no request waits; and actions.
    package mutating func take(
        _ id: ConnectionID, byteLimit: Int, now: NIODeadline
    ) -> (Batch?, [Action]) {
        guard var connection = connections[id], case .reserved = connection.phase else { return (nil, []) }
        var actions: [Action] = []
        guard connection.expires > now, connection.generation == generation else {
            reserved -= 1
            connections[id] = nil
            actions.append(.close(id))
            startConnections(&actions, now)
            finishClosing(&actions)
            return (nil, actions)
        }
        guard let batch = nextBatch(byteLimit, now) else {
            reserved -= 1
            rest(id, &actions, now)
            finishClosing(&actions)
            return (nil, actions)
        }
        reserved -= 1
        let deadline = batch.requests.lazy.map(\.deadline).min() ?? .distantFuture
        connection.phase = .busy(batch, nextDeadline: deadline)
        connections[id] = connection
        setTimer(deadline, &actions)
        // A batch limited by its size leaves more requests than expected.
        startConnections(&actions, now)
        return (batch, actions)
    }

    /// A batch has ended, and its connection may take the next one immediately.
    ///
    /// - Parameters:
    ///   - id: The connection.
    ///   - isUsable: The connection can be used again. If not, it is being closed already.
    ///   - now: The present time.
    /// - Returns: Actions; among them `.schedule` for this connection if it should take again.
    package mutating func finished(_ id: ConnectionID, isUsable: Bool, now: NIODeadline) -> [Action] {
        guard let connection = connections[id], case .busy(let batch, _) = connection.phase else { return [] }
        var actions: [Action] = []
        lanes[batch.lane.rawValue].batches -= 1
        changed(batch.lane.rawValue)
        if !isUsable {
            lastLoss = now
            isCutOff = connections.count == opening + 1
        }
        if !isUsable || isClosed || connection.generation != generation || connection.expires <= now {
            connections[id] = nil
            if isUsable { actions.append(.close(id)) }
        } else if wanted > reserved {
            connections[id]?.phase = .reserved
            reserved += 1
            actions.append(.schedule(id))
        } else {
            rest(id, &actions, now)
        }
        startConnections(&actions, now)
        finishClosing(&actions)
        return actions
    }

    /// A round trip was measured.
    ///
    /// - Parameters:
    ///   - time: From the write of a ping to its answer.
    ///   - now: The present time.
    package mutating func measured(_ time: TimeAmount, now: NIODeadline) {
        let former = roundTrip.value
        roundTrip.add(time, now: now)
        guard roundTrip.value != former else { return }
        for index in lanes.indices {
            let limits = limits(lanes[index].policy)
            lanes[index].limits = limits
            changed(index)
        }
    }

    /// An idle connection was closed by the server or the network.
    package mutating func lost(_ id: ConnectionID, now: NIODeadline) -> [Action] {
        guard let connection = connections[id] else { return [] }
        switch connection.phase {
        case .idle: idle.removeAll { $0 == id }
        case .reserved: reserved -= 1
        case .opening, .busy: return []
        }
        connections[id] = nil
        isCutOff = connections.count == opening
        var actions: [Action] = []
        startConnections(&actions, now)
        finishClosing(&actions)
        return actions
    }

    /// The server of a connection must not be used any more: idle connections to it are closed, others after their
    /// current batch.
    ///
    /// - Returns: Actions, and whether this was the first report for the server.
    package mutating func leaveServer(of id: ConnectionID, now: NIODeadline) -> (isNews: Bool, [Action]) {
        guard let connection = connections[id], connection.generation == generation else { return (false, []) }
        var actions: [Action] = []
        generation += 1
        closeIdle(&actions)
        startConnections(&actions, now)
        return (true, actions)
    }

    private mutating func rest(_ id: ConnectionID, _ actions: inout [Action], _ now: NIODeadline) {
        if isClosed {
            connections[id] = nil
            actions.append(.close(id))
            return
        }
        connections[id]?.phase = .idle(since: now)
        idle.append(id)
        setTimer(now + configuration.idleTimeout, &actions)
    }

    private mutating func closeIdle(_ actions: inout [Action]) {
        for id in idle {
            connections[id] = nil
            actions.append(.close(id))
        }
        idle.removeAll()
    }

    // MARK: - Batches

    private mutating func nextBatch(_ byteLimit: Int, _ now: NIODeadline) -> Batch? {
        var index = -1
        var arrival = Int.max
        for candidate in lanes.indices where lanes[candidate].wanted > 0 {
            guard let first = lanes[candidate].queue.first, first.arrival < arrival else { continue }
            (index, arrival) = (candidate, first.arrival)
        }
        guard index >= 0 else { return nil }
        let (policy, queued) = (lanes[index].policy, lanes[index].queue.count)
        var count = min(queued, policy.maximumRequests)
        if policy.prefersSingles, let roundTrip = roundTrip.value, roundTrip >= BatchPolicy.longRoundTrip {
            // This connection's share, if others are about to take theirs.
            count = min(count, max(1, (queued + reserved - 1) / reserved))
        }
        count = max(1, policy.batchSize(count))
        var requests: [ScheduledRequest] = []
        requests.reserveCapacity(count)
        var size = 0
        while requests.count < count, let request = lanes[index].queue.first {
            size += request.size
            if size > byteLimit, !requests.isEmpty { break }
            lanes[index].queue.remove(request)
            requests.append(request)
        }
        waiting -= requests.count
        lanes[index].batches += 1
        changed(index)
        return Batch(
            requests: requests, lane: LaneID(rawValue: index), began: now,
            ping: !policy.isAdaptive ? .none : policy.isWrite ? .before : .together)
    }

    // MARK: - Time

    /// Ensures that ``timerFired(now:)`` is called at a time or earlier.
    private mutating func setTimer(_ time: NIODeadline, _ actions: inout [Action]) {
        guard time < timer else { return }
        timer = time
        actions.append(.setTimer(time))
    }

    /// The timer of the last `setTimer` has fired.
    package mutating func timerFired(now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        guard timer <= now else {
            if timer != .distantFuture { actions.append(.setTimer(timer)) }
            return actions
        }
        timer = .distantFuture
        failWaitingTooLong(&actions, now)
        expireBatches(&actions, now)
        closeLongIdle(&actions, now)
        startConnections(&actions, now)
        finishClosing(&actions)
        if let next = nextTime(now) { setTimer(next, &actions) }
        return actions
    }

    private mutating func failWaitingTooLong(_ actions: inout [Action], _ now: NIODeadline) {
        let status = status
        var expired: [ScheduledRequest] = []
        for index in lanes.indices {
            expired += lanes[index].queue.removeExpired(now)
            changed(index)
        }
        guard !expired.isEmpty else { return }
        waiting -= expired.count
        let reason: FailureReason =
            if let lastFailure, connections.count == opening {
                .connection(lastFailure)
            } else if connections.count == opening, opening > 0,
                expired.allSatisfy({ request in lastLoss.map { request.created > $0 } ?? true })
            {
                .stillConnecting
            } else {
                .waitedTooLong(status)
            }
        actions.append(.fail(expired, reason))
    }

    private mutating func expireBatches(_ actions: inout [Action], _ now: NIODeadline) {
        var isSilent = false
        for id in connections.keys.sorted() {
            guard case .busy(let batch, let deadline) = connections[id]?.phase, deadline <= now else { continue }
            // Those before `deadline` were answered at an earlier time.
            let late = batch.requests.filter { $0.deadline >= deadline && $0.deadline <= now }
            let next = batch.requests.lazy.map(\.deadline).filter { $0 > now }.min()
            connections[id]?.phase = .busy(batch, nextDeadline: next ?? .distantFuture)
            actions.append(.expire(id, late))
            if next == nil {
                actions.append(.abandon(id))
                isSilent = true
            }
        }
        // The network may have dropped the idle connections as well.
        if isSilent { closeIdle(&actions) }
    }

    private mutating func closeLongIdle(_ actions: inout [Action], _ now: NIODeadline) {
        let timeout = configuration.idleTimeout
        idle.removeAll { id in
            guard case .idle(let since) = connections[id]?.phase, since + timeout <= now else { return false }
            connections[id] = nil
            actions.append(.close(id))
            return true
        }
    }

    private func nextTime(_ now: NIODeadline) -> NIODeadline? {
        var next = NIODeadline.distantFuture
        for lane in lanes { next = min(next, lane.queue.nextEnd ?? next) }
        for connection in connections.values {
            switch connection.phase {
            case .busy(_, let deadline): next = min(next, deadline)
            case .idle(let since): next = min(next, since + configuration.idleTimeout)
            case .opening, .reserved: break
            }
        }
        if waiting > 0, let retryAt, retryAt > now { next = min(next, retryAt) }
        return next == .distantFuture ? nil : next
    }

    // MARK: - Closing

    private mutating func failAll(_ reason: FailureReason, _ actions: inout [Action]) {
        var requests: [ScheduledRequest] = []
        for index in lanes.indices {
            requests += lanes[index].queue.removeAll()
            changed(index)
        }
        waiting = 0
        if !requests.isEmpty { actions.append(.fail(requests, reason)) }
    }

    /// Batches in progress complete; queued and later requests are refused. Connection attempts are cancelled.
    package mutating func close() -> [Action] {
        guard !isClosed else { return [] }
        isClosed = true
        var actions: [Action] = []
        failAll(.closed, &actions)
        closeIdle(&actions)
        for id in connections.keys.sorted() {
            guard case .opening = connections[id]?.phase else { continue }
            connections[id] = nil
            opening -= 1
            actions.append(.close(id))
        }
        finishClosing(&actions)
        return actions
    }

    private mutating func finishClosing(_ actions: inout [Action]) {
        guard isClosed, connections.isEmpty, !isAllClosed else { return }
        isAllClosed = true
        actions.append(.allClosed)
    }
}
