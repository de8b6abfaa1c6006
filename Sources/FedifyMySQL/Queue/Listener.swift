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
        let delivery: Delivery
        /// A renewal is under way: its token may change.
        var isRenewing = false
        /// The outcome, once its handler has ended.
        var outcome: DeliveryOutcome?
    }

    typealias Serial = Int

    let queue: MySQLMessageQueue
    let concurrency: Int
    private let handler: Handler
    /// Set before anything else is done.
    private(set) var pool: HandlerPool!
    nonisolated let handOff: HandOff
    /// The table is known, and work may begin.
    private var isReady = false
    var statements: QueueStatements { queue.statements }
    var delivery: DeliveryOptions { queue.options.delivery }
    let eventLoop: any EventLoop

    // MARK: Messages without a key

    private var lastSerial = 0
    /// Claimed: waiting for a handler, at a handler, or to be settled.
    var leases: [Serial: Lease] = [:]
    /// Those that are to be settled.
    var ended: Deque<Serial> = []

    // MARK: Transactions

    var transactions = 0
    /// Messages that transactions under way may bring.
    var wanted = 0
    /// How many messages more than there are handlers are claimed, for handlers that end before the next claim.
    var ahead = 0
    /// Since when there was no message without a key to claim, as far as is known.
    var quietSince: ContinuousClock.Instant?
    /// A look has found that something is due.
    var hasFoundDue = false
    /// How many handlers had ended at the last claim.
    var endedBeforeClaim = 0
    private var claimBegan = ContinuousClock.now
    /// When to look for messages again.
    var nextLook = ContinuousClock.now
    var pause: Duration = .zero
    /// Where the next claim begins; see ``QueueStatements/claim(counted:)``.
    var position: String?
    /// When the next claim begins at the start of the index.
    var nextFullLook = ContinuousClock.now
    /// Transactions failed since the last one that did not.
    var failures = 0
    var countsAttempts = true
    /// Attempts of messages in a table that doesn't count them.
    var attempts: [String: Int] = [:]
    private var timer: Scheduled<Void>?
    /// Messages in work, as last measured.
    var reported = 0
    var nextMeasurement = ContinuousClock.now

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
        handOff = HandOff(lease: queue.options.delivery.lease)
        eventLoop = queue.pool.configuration.pool.eventLoopGroup.any()
    }

    /// Messages in work, for ``MySQLMessageQueue/depth()``.
    var inWork: (leased: Int, keyed: Int) { (leases.count, keys.atHandlers) }

    // MARK: - Life

    /// Listens until it is stopped and every handler has ended.
    func run() async {
        let instrumentation = queue.instrumentation
        pool = HandlerPool(limit: concurrency) { [handler] message in
            try await instrumentation.processing(message, handler)
        } onEnded: { [weak self] in
            Task { await self?.pump() }
        }
        handOff.onEnd { [weak self] in
            Task { await self?.pump() }
        }
        await findColumns()
        isReady = true
        let watch = Task { await self.watch() }
        await withCheckedContinuation { continuation in
            whenEnded = continuation
            pump()
        }
        watch.cancel()
        queue.instrumentation.inWork(changedBy: -reported)
        timer?.cancel()
        pool.close()
        await keys.session?.close()
    }

    /// Whether the table counts attempts. Without a table, it is created.
    private func findColumns() async {
        let schema = QueueSchema(statements: statements, tableName: queue.options.tableName)
        while phase == .listening, !Task.isCancelled {
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

    /// Stops listening: waiting messages go back to the queue, and handlers have the grace period. At the second call it is
    /// over.
    func stop() {
        guard phase == .listening else { return cancel() }
        phase = .draining
        giveBackWaiting()
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
        giveBackWaiting()
        pool?.stopAll(.shutdown)
        let timeout = queue.pool.configuration.operationTimeout
        Task {
            try? await Task.sleep(for: timeout)
            self.giveUp()
        }
        pump()
    }

    /// Ends without settling anything more.
    func end() {
        cancel()
        giveUp()
    }

    private func giveUp() {
        isGivenUp = true
        pump()
    }

    private func giveBackWaiting() {
        for job in pool?.takeWaiting() ?? [] { handled(job, .release) }
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
            quietSince = nil
        }
        pump()
    }

    // MARK: - What is next

    /// Starts whatever can be started.
    func pump() {
        guard isReady else { return }
        // Before a handler ends its message has arrived.
        let ended = pool.takeEnded()
        for arrival in handOff.takeArrivals() {
            queue.instrumentation.received(arrival.messages.count)
            add(arrival.messages, token: arrival.token, until: arrival.until)
        }
        for (job, outcome) in ended { handled(job, outcome) }
        while transactions < Self.maximumTransactions, let work = nextWork() {
            transactions += 1
            if work.wanted > 0 {
                if !work.onlyLooks { quietSince = nil }
                wanted = work.wanted
                claimBegan = .now
            }
            Task { await self.execute(work) }
        }
        pumpKeys()
        offerHandlers()
        setTimer()
        let isDone = leases.isEmpty && transactions == 0 && keys.isIdle && handOff.reserved == 0
        guard phase != .listening, pool.counts.running == 0, isGivenUp || isDone else { return }
        whenEnded?.resume()
        whenEnded = nil
    }

    /// While one is at the server, the other one is filled.
    private static let maximumTransactions = 2
    /// So many settlements are worth a transaction of their own.
    private static let many = 64
    /// Messages in a statement.
    static let batch = 256

    private func nextWork() -> QueueTransaction? {
        let isDue = phase == .listening && nextLook <= .now
        // One claim at a time: of two, the later one's messages could come first.
        let claim = isDue && wanted == 0 ? min(room, Self.batch) : 0
        if claim > 0, transactions + 1 < Self.maximumTransactions, ended.count >= Self.many {
            // The next transaction settles: the server does both at the same time.
            return QueueTransaction(wanted: claim, position: startOfClaim(claim), countsAttempts: countsAttempts)
        }
        // Settled with the next claim, or when there are more of them, unless this one takes long.
        if wanted > 0, ended.count < Self.many, !keys.hasSettlements, claimBegan.duration(to: .now) < .milliseconds(50)
        {
            return nil
        }
        var settled: [QueueTransaction.Settlement] = []
        var waiting: [Serial] = []
        while settled.count < Self.batch, let serial = ended.popFirst() {
            guard let lease = leases[serial], let outcome = lease.outcome else { continue }
            // Its token is about to change.
            if lease.isRenewing { waiting.append(serial) } else { settled.append(settlement(serial, lease, outcome)) }
        }
        ended.prepend(contentsOf: waiting)
        let keyed = keys.takeSettlements(Self.batch)
        guard !settled.isEmpty || !keyed.isEmpty || claim > 0 else { return nil }
        // A listener that finds nothing looks with a statement that locks nothing.
        let onlyLooks = settled.isEmpty && keyed.isEmpty && pause > .zero && !hasFoundDue
        return QueueTransaction(
            settlements: settled, keyed: keyed, wanted: onlyLooks ? 1 : claim, onlyLooks: onlyLooks,
            position: startOfClaim(claim), countsAttempts: countsAttempts)
    }

    /// How many more messages may be claimed. Messages with keys can have half of the handlers for themselves.
    var room: Int { max(0, free - handOff.reserved) }

    private var free: Int {
        concurrency - min(keys.atHandlers, concurrency / 2) + ahead - (leases.count - ended.count) - wanted
    }

    /// While nothing is ready, handlers may have the messages of this process at once.
    private func offerHandlers() {
        guard phase == .listening, let quietSince else { return handOff.withdraw() }
        handOff.offer(free, quietSince: quietSince, countsAttempts: countsAttempts)
    }

    private func startOfClaim(_ claim: Int) -> String {
        guard claim > 0 else { return QueueTransaction.start }
        if let position, nextFullLook > .now { return position }
        return QueueTransaction.start
    }

    private func setTimer() {
        timer?.cancel()
        timer = nil
        guard phase == .listening else { return }
        // Due work that was not started waits for an event that pumps: the end of a handler or of a transaction.
        let now = ContinuousClock.now
        guard let next = (keys.nextEvents + [nextLook]).filter({ $0 > now }).min() else { return }
        timer = eventLoop.scheduleTask(in: TimeAmount(of: now.duration(to: next))) { Task { await self.pump() } }
    }

    // MARK: - Handlers

    /// A handler has ended.
    private func handled(_ job: HandlerPool.Job, _ outcome: DeliveryOutcome?) {
        switch job.source {
        case .key(let key): keyedHandled(key, job.delivery, outcome)
        case .lease(let serial):
            if let outcome {
                leases[serial]?.outcome = outcome
                ended.append(serial)
            } else {
                leases[serial] = nil
                queue.instrumentation.settled(.lost)
            }
        }
    }

    /// The settlement of a message.
    private func settlement(
        _ serial: Serial, _ lease: Lease, _ outcome: DeliveryOutcome
    ) -> QueueTransaction.Settlement {
        QueueTransaction.Settlement(
            serial: serial, id: lease.id, token: lease.token,
            action: action(outcome, id: lease.id, attempt: lease.attempt))
    }

    /// The action on a message, by the policy.
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
        var jobs: [HandlerPool.Job] = []
        for row in claimed {
            lastSerial += 1
            let serial = lastSerial
            let attempt = (row.attempts ?? attempts[row.id] ?? 0) + 1
            if !countsAttempts { countHere(row.id, attempt) }
            let control = DeliveryControl(leasedUntil: until) { [weak self] time throws(MQError) in
                guard let self else { throw MQError(.leaseLost, "the listener has ended") }
                return try await self.extend(serial, by: time)
            }
            let delivery = Delivery(
                ReceivedMessage(
                    id: row.id, message: row.message, orderingKey: nil, attempt: countsAttempts ? attempt : nil,
                    control: control))
            let isOneTooMany = attempt > self.delivery.maximumAttempts
            var lease = Lease(
                id: row.id, token: token, until: until, attempt: isOneTooMany ? attempt - 1 : attempt,
                delivery: delivery)
            if isOneTooMany {
                // Its workers have died of it, or were killed.
                lease.outcome = .reject(reason: "no worker that had it came to an end")
            } else if phase != .listening {
                lease.outcome = .release
            }
            leases[serial] = lease
            if lease.outcome == nil {
                jobs.append(HandlerPool.Job(source: .lease(serial), delivery: delivery))
            } else {
                ended.append(serial)
            }
        }
        pool.add(jobs)
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
