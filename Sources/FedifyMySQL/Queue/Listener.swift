import DequeModule
import FedifyMQ
import MySQLClient
import NIOCore

/// One call of `listen`: claims messages, runs handlers, settles what became of the messages, and renews leases.
///
/// Everything is driven by events: each ends with ``pump()``, which starts what can be started. A transaction settles
/// what has ended since the last one, and claims as many messages as there are handlers for.
actor Listener {
    typealias Handler = @Sendable (ReceivedMessage) async throws -> Void

    /// A message that this process has leased.
    struct Lease {
        let id: String
        /// The `deliver_after` of its row.
        var token: String
        /// Before this time no other worker has it.
        var until: ContinuousClock.Instant
        /// Which delivery this is.
        let attempt: Int
        let control: DeliveryControl
        let message: ReceivedMessage
        var delivery: Delivery?
        var started: ContinuousClock.Instant?
        /// A renewal is under way: its token may change.
        var isRenewing = false
        /// What is to become of it.
        var outcome: DeliveryOutcome?
    }

    typealias Serial = Int

    let queue: MySQLMessageQueue
    let concurrency: Int
    let handler: Handler
    var statements: QueueStatements { queue.statements }
    var delivery: DeliveryOptions { queue.options.delivery }
    let eventLoop: any EventLoop

    // MARK: Messages without a key

    private var lastSerial = 0
    /// Claimed: waiting for a handler, at a handler, or to be settled.
    var leases: [Serial: Lease] = [:]
    /// Those that wait for a handler.
    var buffer: Deque<Serial> = []
    /// Those that are to be settled.
    var ended: Deque<Serial> = []
    /// Handlers that run, of both kinds of messages.
    var running = 0
    /// Whether the last handler that was started had a message with a key: the kinds take turns.
    var wasKeyed = false

    // MARK: Transactions

    var transactions = 0
    /// Messages that transactions under way may bring.
    var wanted = 0
    /// How many messages more than there are handlers are claimed, for handlers that end before the next claim.
    var ahead = 0
    /// Handlers that have ended since the last claim.
    var endedSinceClaim = 0
    /// When to look for messages again.
    var nextLook = ContinuousClock.now
    var pause: Duration = .zero
    /// Where the next claim begins; see ``QueueStatements/claim(counted:)``.
    var position: String?
    var lastFullLook = ContinuousClock.now
    /// Transactions failed since the last one that did not.
    var failures = 0
    var countsAttempts = true
    /// Attempts of messages in a table that doesn't count them.
    var attempts: [String: Int] = [:]
    private var timer: Scheduled<Void>?

    // MARK: Messages with keys

    var keys = OrderedKeys()

    // MARK: The end

    enum Phase { case listening, draining, cancelling }
    var phase = Phase.listening
    /// What could not be settled is left to the leases.
    private var isGivenUp = false
    private var whenEnded: CheckedContinuation<Void, Never>?

    init(_ queue: MySQLMessageQueue, concurrency: Int, handler: @escaping Handler) {
        self.queue = queue
        self.concurrency = concurrency
        self.handler = handler
        eventLoop = queue.pool.configuration.pool.eventLoopGroup.any()
    }

    /// Messages in work, for ``MySQLMessageQueue/depth()``.
    var inWork: (leased: Int, keyed: Int) { (leases.count, keys.running) }

    // MARK: - Life

    /// Listens until it is stopped and every handler has ended.
    func run() async {
        await findColumns()
        let watch = Task { await self.watch() }
        await withCheckedContinuation { continuation in
            whenEnded = continuation
            pump()
        }
        watch.cancel()
        timer?.cancel()
        await keys.session?.close()
    }

    /// Whether the table counts attempts. Without a table, it is created.
    private func findColumns() async {
        let schema = QueueSchema(statements: statements, tableName: queue.options.tableName)
        while phase == .listening {
            do {
                let counts = try await queue.access.withConnection { connection in
                    try await schema.countsAttempts(on: connection)
                }
                guard let counts else {
                    try await queue.access.create()
                    continue
                }
                if !counts {
                    queue.access.log.log(
                        .notice, "the queue's table doesn't count attempts; initialize(upgrading: true) changes that")
                }
                countsAttempts = counts
                return
            } catch {
                noteFailure(error)
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    /// Stops listening: what waits goes back to the queue, and handlers have the grace period.
    func stop() {
        guard phase == .listening else { return }
        phase = .draining
        giveBackBuffer()
        let grace = delivery.gracePeriod
        Task {
            try? await Task.sleep(for: grace)
            self.cancel()
        }
        pump()
    }

    /// Stops listening, and cancels the handlers.
    func cancel() {
        guard phase != .cancelling else { return }
        phase = .cancelling
        giveBackBuffer()
        for lease in leases.values { lease.delivery?.stop(.shutdown) }
        for run in keys.held.values { run.delivery?.stop(.shutdown) }
        let timeout = queue.pool.configuration.operationTimeout
        Task {
            try? await Task.sleep(for: timeout)
            self.giveUp()
        }
        pump()
    }

    private func giveUp() {
        isGivenUp = true
        pump()
    }

    private func giveBackBuffer() {
        for serial in buffer {
            leases[serial]?.outcome = .release
            ended.append(serial)
        }
        buffer = []
    }

    /// A message was enqueued in this process.
    nonisolated func enqueued(_ orderingKey: String?) {
        Task { await self.look(orderingKey) }
    }

    private func look(_ orderingKey: String?) {
        pause = .zero
        if let orderingKey {
            keys.found(orderingKey)
        } else {
            nextLook = .now
        }
        pump()
    }

    // MARK: - What is next

    /// Starts whatever can be started.
    func pump() {
        startHandlers()
        while transactions < Self.maximumTransactions, let work = nextWork() {
            transactions += 1
            wanted += work.wanted
            Task { await self.execute(work) }
        }
        pumpKeys()
        setTimer()
        guard phase != .listening, running == 0, isGivenUp || leases.isEmpty && transactions == 0 && keys.isIdle else {
            return
        }
        whenEnded?.resume()
        whenEnded = nil
    }

    /// While one is at the server, the other one is filled.
    private static let maximumTransactions = 2
    /// Messages in a statement.
    static let batch = 256

    private func nextWork() -> QueueTransaction? {
        var settled: [QueueTransaction.Settlement] = []
        var waiting: [Serial] = []
        while settled.count < Self.batch, let serial = ended.popFirst() {
            guard let lease = leases[serial], let outcome = lease.outcome else { continue }
            // Its token is about to change.
            if lease.isRenewing { waiting.append(serial) } else { settled.append(settlement(serial, lease, outcome)) }
        }
        ended.prepend(contentsOf: waiting)
        let keyed = keys.takeSettlements(Self.batch)
        let isDue = phase == .listening && nextLook <= .now
        let free = concurrency + ahead - running - buffer.count - wanted
        let claim = isDue && wanted == 0 && free > 0 ? min(free, Self.batch) : 0
        guard !settled.isEmpty || !keyed.isEmpty || claim > 0 else { return nil }
        return QueueTransaction(
            settlements: settled, keyed: keyed, wanted: claim,
            // A listener that finds nothing looks with a statement that locks nothing.
            looksFirst: settled.isEmpty && keyed.isEmpty && pause > .zero,
            position: startOfClaim(claim), countsAttempts: countsAttempts)
    }

    private func startOfClaim(_ claim: Int) -> String {
        guard claim > 0 else { return QueueTransaction.start }
        if let position, lastFullLook.duration(to: .now) < .milliseconds(200) { return position }
        lastFullLook = .now
        return QueueTransaction.start
    }

    private func setTimer() {
        timer?.cancel()
        timer = nil
        guard phase == .listening else { return }
        var next = keys.nextEvent
        if wanted == 0, concurrency + ahead > running + buffer.count { next = min(next ?? nextLook, nextLook) }
        guard let next else { return }
        let delay = max(.zero, ContinuousClock.now.duration(to: next))
        timer = eventLoop.scheduleTask(in: TimeAmount(of: delay)) { Task { await self.pump() } }
    }

    // MARK: - Handlers

    private func startHandlers() {
        guard phase == .listening else { return }
        while running < concurrency {
            let (isKeyedReady, isBuffered) = (!keys.ready.isEmpty, !buffer.isEmpty)
            guard isKeyedReady || isBuffered else { return }
            // A claim is due, or under way: the next turn is of its message, unless there is another handler for it.
            let isClaiming = wanted > 0 || nextLook <= .now
            if isKeyedReady, !isBuffered, wasKeyed, isClaiming, running + 1 == concurrency { return }
            wasKeyed = isKeyedReady && (!isBuffered || !wasKeyed)
            if wasKeyed { startKeyed() } else { startBuffered() }
        }
    }

    private func startBuffered() {
        guard let serial = buffer.popFirst(), var lease = leases[serial] else { return }
        guard lease.until > .now else {
            leases[serial] = nil
            return queue.instrumentation.settled(.lost)
        }
        let delivery = Delivery(lease.message)
        lease.delivery = delivery
        lease.started = .now
        leases[serial] = lease
        running += 1
        start(delivery) { await self.handled(serial, $0) }
    }

    func start(_ delivery: Delivery, _ done: @escaping @Sendable (DeliveryOutcome?) async -> Void) {
        let (handler, instrumentation) = (handler, queue.instrumentation)
        delivery.start { message in
            try await instrumentation.processing(message, handler)
        } done: { _, outcome in
            await done(outcome)
        }
    }

    private func handled(_ serial: Serial, _ outcome: DeliveryOutcome?) {
        running -= 1
        endedSinceClaim += 1
        if let outcome {
            leases[serial]?.outcome = outcome
            ended.append(serial)
        } else {
            leases[serial] = nil
            queue.instrumentation.settled(.lost)
        }
        pump()
    }

    /// What the table is told of a message's end.
    private func settlement(
        _ serial: Serial, _ lease: Lease, _ outcome: DeliveryOutcome
    ) -> QueueTransaction.Settlement {
        QueueTransaction.Settlement(
            serial: serial, id: lease.id, token: lease.token,
            action: action(outcome, id: lease.id, attempt: lease.attempt))
    }

    /// What is done with a message, by the policy.
    func action(_ outcome: DeliveryOutcome, id: String, attempt: Int) -> QueueTransaction.Action {
        switch outcome {
        case .done: return .delete
        case .release: return .release
        case .reject(let reason):
            return bury(id, attempt, reason)
        case .retry(let pause, let reason):
            if attempt >= delivery.maximumAttempts { return bury(id, attempt, reason) }
            return .retry(after: pause ?? delivery.backoff(afterAttempt: attempt), reason: reason)
        }
    }

    private func bury(_ id: String, _ attempt: Int, _ reason: String) -> QueueTransaction.Action {
        queue.access.log.log(
            .warning, "message is dead", [\.messageID: id, \.attempt: "\(attempt)"])
        return .bury(attempts: attempt, reason: reason)
    }

    // MARK: - Claimed messages

    func add(_ claimed: [QueueTransaction.Claimed], token: String, until: ContinuousClock.Instant) {
        for row in claimed {
            lastSerial += 1
            let serial = lastSerial
            let attempt = (row.attempts ?? attempts[row.id] ?? 0) + 1
            if !countsAttempts { countHere(row.id, attempt) }
            let control = DeliveryControl(leasedUntil: until) { [weak self] time throws(MQError) in
                guard let self else { throw MQError(.leaseLost, "the listener has ended") }
                return try await self.extend(serial, by: time)
            }
            let message = ReceivedMessage(
                id: row.id, message: row.message, orderingKey: nil, attempt: countsAttempts ? attempt : nil,
                control: control)
            leases[serial] = Lease(
                id: row.id, token: token, until: until, attempt: attempt, control: control, message: message)
            if attempt > delivery.maximumAttempts {
                // Its workers have died of it, or were killed.
                leases[serial]?.outcome = .reject(reason: "no worker that had it came to an end")
                ended.append(serial)
            } else if phase == .listening {
                buffer.append(serial)
            } else {
                leases[serial]?.outcome = .release
                ended.append(serial)
            }
        }
    }

    /// Few messages fail, and few fail for good.
    func countHere(_ id: String, _ attempt: Int) {
        if attempts.count >= 10_000, let some = attempts.keys.first { attempts[some] = nil }
        attempts[id] = attempt
    }

    // MARK: - Failures

    func noteFailure(_ error: any Error) {
        failures += 1
        queue.instrumentation.failed(error)
        queue.access.log.log(
            failures == 1 ? .info : .debug, "the queue could not be served", [\.error: "\(error)"])
    }
}
