import FedifyKv
import Locking
import MySQLClient

/// What a ``Coalescer`` takes.
protocol CoalescedRequest: Sendable {
    var key: KvKey { get }
    /// The bytes of its key and value, and what goes with them.
    var size: Int { get }
    /// It may travel with others.
    var isCoalescible: Bool { get }
    /// It changes nothing, whether or not it was carried out.
    static var isRead: Bool { get }
    /// How many of `waiting` requests should go in one statement.
    static func batchSize(_ waiting: Int) -> Int
}

extension CoalescedRequest {
    var isCoalescible: Bool { true }
    static var isRead: Bool { false }
    static func batchSize(_ waiting: Int) -> Int { waiting }
}

/// Sends the requests of one kind that wait at the same time in one statement.
///
/// A request joins the line. A connection that is free takes along, from the line's head, what fits in a statement. Each
/// request gets an answer of its own, after the commit. There is no timer: with nothing under way a request goes out
/// alone, and while statements are under way the next one fills up.
final class Coalescer<Request: CoalescedRequest, Answer: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias Operation = CoalescedOperation<Request, Answer>
    typealias Answers = [Result<Answer, any Error>]
    /// Carries requests out in one transaction, as if one after the other. It throws if none was carried out, or if
    /// that is not known.
    typealias Execute = @Sendable ([Request], MySQLConnection) throws -> Answers

    /// A statement that waits for a connection, or is under way.
    private struct Flight {
        let job: PoolJob
        var operations: [Operation] = []
    }

    private struct State {
        var line = WaitingLine<Operation>()
        var flights: [Flight] = []
        /// When the watchdog looks for operations that are too late; nil: there was none to look for.
        var watchedAt: Instant?

        /// Flights that need not wait for a connection any more, because nobody waits for them.
        var idleFlights: [PoolJob] { line.isEmpty ? flights.map(\.job) : [] }

        mutating func addFlight() -> PoolJob {
            let flight = Flight(job: PoolJob())
            flights.append(flight)
            return flight.job
        }
    }

    private let pool: MySQLPool
    /// Reads only keep the server's processors busy: two statements are enough. Writes also wait for its disk.
    private var maximumFlights: Int {
        Request.isRead ? min(2, limits.maximumConnections) : limits.maximumConnections
    }
    private let limits: MySQLKvStoreOptions.Coalescing
    private let telemetry: StoreTelemetry
    private let operation: StoreOperation
    let execute: Execute
    private let state = Locked(State())

    init(
        _ pool: MySQLPool, _ limits: MySQLKvStoreOptions.Coalescing, _ telemetry: StoreTelemetry,
        _ operation: StoreOperation, execute: @escaping Execute
    ) {
        self.pool = pool
        self.limits = limits
        self.telemetry = telemetry
        self.operation = operation
        self.execute = execute
    }

    /// The answer to a request.
    ///
    /// - Throws: What its execution throws; `MySQLError` as `MySQLPool.withConnection(deadline:_:)` does;
    ///   `CancellationError` if the task is cancelled while the request waits.
    func answer(_ request: Request, deadline: Instant) async throws -> Answer {
        let waitsUntil = pool.configuration.pool.endOfWait(deadline)
        let operation = Operation(request, telemetry.caller, waitsUntil: waitsUntil, deadline: deadline)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.wait(continuation)
                add(operation)
            }
        } onCancel: {
            cancel(operation)
        }
    }

    // MARK: - The line

    /// How many operations wait for a connection.
    var waiting: Int { state.withLock { $0.line.count } }

    private func add(_ operation: Operation) {
        let (refusal, job, watch) = state.withLock { state -> ((any Error)?, PoolJob?, Bool) in
            if operation.isCancelled { return (CancellationError(), nil, false) }
            if state.line.count >= pool.configuration.pool.maximumWaiting { return (pool.tooManyWaiting, nil, false) }
            state.line.append(operation)
            let isWatched = state.watchedAt.map { $0 <= operation.waitsUntil } ?? false
            if !isWatched { state.watchedAt = operation.waitsUntil }
            return (nil, startFlight(&state), !isWatched)
        }
        if let refusal { operation.answer(.failure(refusal)) }
        if watch { self.watch(at: operation.waitsUntil) }
        if let job { send(job, isNext: false) }
    }

    /// The task was cancelled: leaves the line. What is under way is finished.
    private func cancel(_ operation: Operation) {
        let (isOut, idle) = state.withLock { state -> (Bool, [PoolJob]) in
            guard state.line.remove(operation) else {
                operation.isCancelled = true
                return (false, [])
            }
            return (true, state.idleFlights)
        }
        if isOut { operation.answer(.failure(CancellationError())) }
        for job in idle { pool.withdraw(job) }
    }

    /// Counts a further flight in, if it is worth its connection.
    private func startFlight(_ state: inout State) -> PoolJob? {
        // With two, one is under way while the answers of the other are handed out. Beyond that only full ones are worth
        // it.
        let enough = state.flights.count < 2 ? 1 : limits.maximumRows
        guard state.flights.count < maximumFlights, state.line.count >= enough else { return nil }
        return state.addFlight()
    }

    /// Takes what goes in one statement from the line's head.
    private func take(for job: PoolJob, _ connection: MySQLConnection) -> [Operation] {
        let limit = connection.statementSize
        return state.withLock { state in
            var operations: [Operation] = []
            let count = Request.batchSize(min(state.line.count, limits.maximumRows))
            operations.reserveCapacity(count)
            var size = CheckedValue.packetOverhead
            while operations.count < count, let operation = state.line.first {
                size += operation.request.size
                if size > limit, !operations.isEmpty { break }
                state.line.remove(operation)
                operations.append(operation)
            }
            if let index = state.flights.firstIndex(where: { $0.job === job }) {
                state.flights[index].operations = operations
            }
            return operations
        }
    }

    // MARK: - A flight

    private func send(_ job: PoolJob, isNext: Bool) {
        pool.enqueue(job, isNext: isNext) { [self] connection in
            fly(job, connection)
        } fail: { [self] error in
            // First: a pool that is closed refuses whatever would be sent for those who wait.
            if !(error is CancellationError) { refuseAll(error) }
            land(job)
        }
    }

    /// Runs one statement; gives back what answers its callers.
    private func fly(_ job: PoolJob, _ connection: MySQLConnection) -> PoolJob.Answer {
        let operations = take(for: job, connection)
        guard !operations.isEmpty else {
            land(job)
            return {}
        }
        let answers = telemetry.batch(operation, size: operations.count, callers: operations.compactMap(\.caller)) {
            self.answers(operations[...], connection)
        }
        // What has come meanwhile goes out on this connection next, before anybody is answered.
        let next = state.withLock { state -> PoolJob? in
            state.flights.removeAll { $0.job === job }
            return state.line.isEmpty ? nil : state.addFlight()
        }
        if let next { send(next, isNext: true) }
        return {
            for (operation, answer) in zip(operations, answers) { operation.answer(answer) }
        }
    }

    private func answers(_ operations: ArraySlice<Operation>, _ connection: MySQLConnection) -> Answers {
        do {
            return try execute(operations.map(\.request), connection)
        } catch {
            guard operations.count > 1, let failure = error as? MySQLError, failure.isOfOneRow else {
                return operations.map { _ in .failure(error) }
            }
            // One row is at fault, and none was carried out: half by half it is found, and fails alone.
            let middle = operations.startIndex + operations.count / 2
            return answers(operations[..<middle], connection) + answers(operations[middle...], connection)
        }
    }

    /// A flight ends without having taken anything along.
    private func land(_ job: PoolJob) {
        let next = state.withLock { state -> PoolJob? in
            state.flights.removeAll { $0.job === job }
            // Something may have joined the line since it looked.
            return startFlight(&state)
        }
        if let next { send(next, isNext: false) }
    }

    // MARK: - What goes wrong

    /// No connection can be had, or the pool is closed.
    private func refuseAll(_ error: any Error) {
        for operation in state.withLock({ $0.line.removeAll() }) { operation.answer(.failure(error)) }
    }

    private func watch(at instant: Instant) {
        _ = Watchdog.shared.schedule(at: instant) { [weak self] in self?.answerLate() }
    }

    /// Answers the operations whose time is over. A statement under way is given up when all its callers were.
    private func answerLate() {
        let now = Instant.now
        let (waiting, late, flights, idle) = state.withLock { state in
            let waiting = state.line.count
            var late: [Operation] = []
            // They stand in order of arrival, which is that of their deadlines.
            while let operation = state.line.first, operation.waitsUntil <= now {
                state.line.remove(operation)
                late.append(operation)
            }
            return (waiting, late, state.flights, late.isEmpty ? [] : state.idleFlights)
        }
        if !late.isEmpty {
            let error = pool.waitedTooLong(waiting: waiting)
            for operation in late { operation.answer(.failure(error)) }
        }
        for job in idle { pool.withdraw(job) }
        for flight in flights where !flight.operations.isEmpty {
            for operation in flight.operations where operation.deadline <= now {
                operation.answer(.failure(MySQLError.deadlineExceeded(mayHaveBeenApplied: !Request.isRead)))
            }
            if flight.operations.allSatisfy(\.isAnswered) { flight.job.interrupt() }
        }
        let next = state.withLock { state -> Instant? in
            let underway = state.flights.flatMap(\.operations).filter { !$0.isAnswered }.map(\.deadline)
            state.watchedAt = (underway + [state.line.first?.waitsUntil].compactMap(\.self)).min()
            return state.watchedAt
        }
        if let next { watch(at: next) }
    }
}
