import Locking
import Synchronization

/// The pool's line of work and its workers. Workers hold it; the pool that the user holds closes it when released.
final class PoolCore: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var line = WaitingLine<PoolJob>()
        /// Workers without work, the one used last at the end: few connections stay busy, the others grow idle.
        var idle: [PoolWorker] = []
        var workers = 0
        /// Workers that have no connection yet.
        var opening = 0
        /// Attempts to open a connection that failed since one succeeded.
        var failures = 0
        var lastFailure: MySQLError?
        /// Where the pool's connections go.
        var address: MySQLConfiguration.Address
        /// Open connections of the present epoch.
        var current = 0
        /// The server's family, once it is known.
        var flavor: MySQLServer.Flavor?
        /// A connection was opened once: what fails now is taken for a passing trouble.
        var wasConnected = false
        var isClosed = false
        var waitingForClose: [CheckedContinuation<Void, Never>] = []
    }

    let configuration: MySQLConfiguration
    let log: EventLog
    let metrics: PoolMetrics
    private let state: Locked<State>
    /// Counts the times that the pool has left a server. Connections of a former epoch finish their work, and go.
    private let epochs = Atomic(0)
    /// Counts the connections that a deadline ended. The network may have forgotten all that are open: one that has not
    /// answered since is not waited for.
    private let silences = Atomic(0)

    init(_ configuration: MySQLConfiguration) {
        self.configuration = configuration
        log = EventLog(configuration.observability)
        metrics = PoolMetrics(configuration)
        state = Locked(State(address: configuration.addresses[0]))
    }

    var status: MySQLPool.Status { state.withLock { status($0) } }

    /// Changes the state, and shows the metrics what it is then.
    private func change<T>(_ body: (inout State) -> T) -> T {
        state.withLock { state in
            defer { metrics.status(status(state), idle: state.idle.count) }
            return body(&state)
        }
    }

    private func status(_ state: State) -> MySQLPool.Status {
        MySQLPool.Status(
            connections: state.workers,
            inUse: state.workers - state.opening - state.idle.count,
            waiting: state.line.count)
    }

    // MARK: - The line

    /// Gives a job to an idle worker, or puts it in the line.
    ///
    /// - Parameters:
    ///   - job: The job, a new one.
    ///   - isNext: The caller is a job at work, whose worker asks for its next job at once: nobody is woken.
    ///   - work: What the job does.
    ///   - fail: Answers the caller if that can't be done.
    func add(_ job: PoolJob, isNext: Bool = false, work: @escaping PoolJob.Work, fail: @escaping PoolJob.Fail) {
        enum Step { case refuse(MySQLError), answer(() -> Void), wake(PoolWorker), start, wait }
        let step = change { state -> Step in
            if let answer = job.submit(work, fail) { return .answer(answer) }
            if state.isClosed { return .refuse(MySQLError.poolClosed) }
            if !isNext, let worker = state.idle.popLast() { return .wake(worker) }
            if state.line.count >= configuration.pool.maximumWaiting { return .refuse(tooManyWaiting) }
            state.line.append(job)
            return !isNext && claimWorker(&state) ? .start : .wait
        }
        switch step {
        case .refuse(let error): self.fail(job, error)
        case .answer(let answer): answer()
        case .wake(let worker): worker.assign(job)
        case .start: PoolWorker(self).start()
        case .wait: break
        }
    }

    /// Answers a job's caller with an error, unless the job has begun.
    func fail(_ job: PoolJob, _ error: any Error) {
        let answer = change { state in
            state.line.remove(job)
            return job.fail(error)
        }
        answer?()
    }

    /// A job has waited for too long, or has run for too long.
    func timeIsUp(_ job: PoolJob, deadline: Instant) {
        if job.isWaiting { return fail(job, waitedTooLong()) }
        if deadline <= .now { return job.interrupt() }
        // It was only the time to wait in line that is over. The job is interrupted if it still runs by then.
        _ = Watchdog.shared.schedule(at: deadline) { job.interrupt() }
    }

    /// Why a wait for a connection was given up, beside so many operations that wait (nil: as many as there are jobs).
    func waitedTooLong(waiting: Int? = nil) -> MySQLError {
        state.withLock { state in
            if let lastFailure = state.lastFailure { return lastFailure }
            if state.workers == state.opening, state.opening > 0 {
                return MySQLError(.connectionFailed, "\(state.address) has not let us in yet; nothing was sent")
            }
            let status = status(state)
            metrics.timedOut()
            return MySQLError(
                .acquisitionTimedOut,
                "no connection became free in time: \(status.inUse) of \(configuration.pool.maximumConnections) in "
                    + "use, \(waiting ?? status.waiting) operations waiting; nothing was sent")
        }
    }

    var tooManyWaiting: MySQLError {
        MySQLError(
            .tooManyWaiting,
            "\(configuration.pool.maximumWaiting) operations wait for a connection, which is the limit; nothing was sent"
        )
    }

    // MARK: - Workers

    /// Counts a further worker in, if the line needs one. While the server can't be reached, one worker tries for all.
    private func claimWorker(_ state: inout State) -> Bool {
        guard !state.isClosed, state.workers < configuration.pool.maximumConnections,
            state.line.count > state.opening,
            state.failures == 0 || state.workers == 0
        else { return false }
        state.workers += 1
        state.opening += 1
        return true
    }

    /// What a worker with a connection does next: the job, or nil to rest in the idle list.
    func next(_ worker: PoolWorker) -> PoolJob? {
        change { state in
            if let job = state.line.popFirst() { return job }
            state.idle.append(worker)
            return nil
        }
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// A worker has rested for long enough: takes it out, unless it was given a job meanwhile.
    func leaveIdle(_ worker: PoolWorker) -> Bool {
        change { state in
            guard let index = state.idle.firstIndex(where: { $0 === worker }) else { return false }
            state.idle.remove(at: index)
            return true
        }
    }

    /// A worker's connection was found closed or too old before its job began: the job is the next again.
    func putBack(_ job: PoolJob) {
        let isClosed = change { state in
            // Whoever fails it takes it out of the line under the same lock.
            if !state.isClosed, job.isWaiting { state.line.prepend(job) }
            return state.isClosed
        }
        if isClosed { fail(job, MySQLError.poolClosed) }
    }

    /// A worker has lost its connection; it tries to open another if there is work for it.
    ///
    /// The next job of the one that it ran waits for it; where there is an idle worker that need not be.
    func willReopen() {
        let woken = change { state -> (PoolWorker, PoolJob)? in
            state.opening += 1
            guard !state.idle.isEmpty, let job = state.line.popFirst() else { return nil }
            return (state.idle.removeLast(), job)
        }
        if let (worker, job) = woken { worker.assign(job) }
    }

    /// A worker without a connection asks whether to open one.
    func shouldOpen() -> Bool {
        change { state in
            let isWanted =
                !state.isClosed && !state.line.isEmpty && (state.failures == 0 || state.opening == 1)
            if !isWanted { state.opening -= 1 }
            return isWanted
        }
    }

    /// The server that the pool is at.
    var address: MySQLConfiguration.Address { state.withLock { $0.address } }

    var server: MySQLPool.Server { state.withLock { MySQLPool.Server(address: $0.address, flavor: $0.flavor) } }

    var epoch: Int { epochs.load(ordering: .acquiring) }

    var silence: Int { silences.load(ordering: .acquiring) }

    /// A connection had not answered by the deadline of its job.
    func wasSilent() { silences.add(1, ordering: .acquiringAndReleasing) }

    /// Where to open a connection, in the order to try: at the server where others are open; if there are none, also at
    /// all others.
    var candidates: [MySQLConfiguration.Address] {
        state.withLock { state in
            let others = state.current > 0 ? [] : configuration.addresses.filter { $0 != state.address }
            return [state.address] + others
        }
    }

    /// A connection is closed. A server that has stopped to take writes is left.
    func closed(_ epoch: Int, isDemoted: Bool) {
        state.withLock { state in
            guard epoch == self.epoch else { return }
            state.current -= 1
            if isDemoted { leave(&state) }
        }
    }

    private func leave(_ state: inout State) {
        state.current = 0
        epochs.add(1, ordering: .acquiringAndReleasing)
    }

    /// A connection was opened. Starts the workers that waited for this.
    ///
    /// - Returns: The epoch it belongs to; nil: it must be closed, the pool is at another server.
    func opened(_ connection: MySQLConnection) -> Int? {
        let opened = change { state -> (epoch: Int, left: MySQLConfiguration.Address?, Bool, Int)? in
            var left: MySQLConfiguration.Address?
            if state.address != connection.address {
                if state.current > 0 { return nil }
                if state.wasConnected { left = state.address }
                state.address = connection.address
                leave(&state)
            }
            state.current += 1
            state.flavor = connection.server.flavor
            let isRecovery = state.failures > 0
            state.opening -= 1
            state.failures = 0
            state.lastFailure = nil
            state.wasConnected = true
            var start = 0
            while claimWorker(&state) { start += 1 }
            return (epoch, left, isRecovery, start)
        }
        guard let (epoch, left, isRecovery, start) = opened else { return nil }
        let facts: EventLog.Facts = [
            \.serverAddress: "\(connection.address)", \.serverVersion: connection.server.version,
        ]
        if let left {
            metrics.failedOver()
            log.log(.notice, "moved to another server", facts.merging([\.formerServer: "\(left)"]) { $1 })
        }
        log.log(isRecovery ? .info : .debug, "connection opened", facts)
        for _ in 0..<start { PoolWorker(self).start() }
        return epoch
    }

    /// A connection could not be opened.
    ///
    /// - Returns: How long to wait before the next attempt; nil: leave it to others.
    func openFailed(_ error: MySQLError) -> Duration? {
        let isFinal = error.code != .connectionFailed
        let (delay, refused, isNews) = change { state -> (Duration?, [PoolJob], Bool) in
            state.failures += 1
            let isNews = state.failures == 1
            state.lastFailure = error
            if state.current > 0 {
                // Others have a connection, and go on.
                state.opening -= 1
                return (nil, [], isNews)
            }
            if isFinal || !state.wasConnected {
                state.opening -= 1
                return (nil, state.line.removeAll(), isNews)
            }
            // Full jitter: many processes that lost one server must not come back in step.
            let longest = min(1000, 25 << min(state.failures, 10))
            return (.milliseconds(Int.random(in: 1...longest)), [], isNews)
        }
        if isNews { log.log(.info, "connection failed", [\.error: "\(error)"]) }
        for job in refused { fail(job, error) }
        return delay
    }

    /// A worker's thread ends, its connection closed.
    func left() {
        let (closed, start) = change { state in
            state.workers -= 1
            let closed = state.isClosed && state.workers == 0 ? state.waitingForClose : []
            if !closed.isEmpty { state.waitingForClose = [] }
            return (closed, claimWorker(&state))
        }
        for continuation in closed { continuation.resume() }
        if start { PoolWorker(self).start() }
    }

    // MARK: - The end

    func close() {
        let (jobs, idle) = change { state in
            state.isClosed = true
            defer { state.idle.removeAll() }
            return (state.line.removeAll(), state.idle)
        }
        for job in jobs { fail(job, MySQLError.poolClosed) }
        for worker in idle { worker.assign(nil) }
    }

    func allClosed() async {
        await withCheckedContinuation { continuation in
            let isDone = change { state in
                if state.workers == 0 { return true }
                state.waitingForClose.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    func log(connectionLost error: String, _ address: MySQLConfiguration.Address) {
        log.log(.debug, "connection lost", [\.serverAddress: "\(address)", \.error: error])
    }
}

extension MySQLError {
    static let poolClosed = MySQLError(.closed, "the pool is closed")
}
