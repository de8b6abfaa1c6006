import FedifyKv
import Locking
import MySQLClient

/// Removes expired rows, in bounded batches, off the path of callers.
final class Sweeper: Sendable {
    /// Runs work on a connection, with the store's retries.
    typealias Run = @Sendable (@escaping @Sendable (MySQLConnection) throws -> Batch) async throws -> Batch

    /// What one batch found.
    enum Batch: Sendable {
        /// Another sweeper is at work.
        case busy
        /// Rows found expired, and rows removed: some may have been refreshed in between.
        case done(found: Int, removed: Int)
    }

    private struct State {
        var lastSweep: ContinuousClock.Instant
        var isSweeping = false
    }

    /// A sweeper at work half of the time is overlooked once in 2^10 times.
    private static let looks = 10
    private static let pauseBetweenLooks = Duration.milliseconds(50)

    private let pool: MySQLPool
    private let statements: Statements
    private let options: MySQLKvStoreOptions
    private let log: EventLog
    private let telemetry: StoreTelemetry
    private let state: Locked<State>

    init(
        _ pool: MySQLPool, _ statements: Statements, _ options: MySQLKvStoreOptions, _ log: EventLog,
        _ telemetry: StoreTelemetry
    ) {
        self.pool = pool
        self.statements = statements
        self.options = options
        self.log = log
        self.telemetry = telemetry
        state = Locked(State(lastSweep: .now))
    }

    /// A write with a ttl was done: sweeps in the background, if that is due.
    func wroteExpiring() {
        guard options.upkeep.isAutomatic, claim() else { return }
        Task(priority: .background) {
            await sweep { [pool] work in try await pool.withConnection(work) }
            release()
        }
    }

    /// Sweeps at each interval, until the task is cancelled.
    func run(run: Run) async {
        while !Task.isCancelled {
            if claim(ifDue: false) {
                await sweep(run: run)
                release()
            }
            // Jitter: processes started together take turns at being the one that sweeps.
            try? await Task.sleep(for: options.upkeep.interval * Double.random(in: 0.75...1))
        }
    }

    /// Sweeps to the end, at a caller's wish.
    func sweepAll(run: Run) async throws -> Int {
        try await batches(lockTimeout: 5, run: run)
    }

    private func sweep(run: Run) async {
        do {
            guard try await isAlone() else {
                log.log(.trace, "another sweeper is at work")
                return
            }
            let removed = try await batches(lockTimeout: 0, run: run)
            if removed > 0 { log.log(.debug, "expired rows removed", [\.count: "\(removed)"]) }
        } catch is CancellationError {
            // The next sweep goes on where it stopped.
        } catch {
            // Upkeep that fails is nobody's failure.
            log.log(.debug, "sweep failed", [\.error: "\(error)"])
        }
    }

    /// Whether nobody else sweeps.
    ///
    /// A sweeper holds the lock for a batch at a time, so as not to keep a connection while it rests. Who looks once may
    /// find it resting, and two would take turns, with no rest left for the others.
    private func isAlone() async throws -> Bool {
        let table = MySQLParameter.text(options.tableName)
        for _ in 0..<Self.looks {
            let isFree = try await pool.withConnection { connection in
                var isFree = false
                try connection.query(Statements.isSweepFree, [table]) { isFree = $0.integer(0) == 1 }
                return isFree
            }
            guard isFree else { return false }
            try await Task.sleep(for: Self.pauseBetweenLooks * Double.random(in: 0...2))
        }
        return true
    }

    private func batches(lockTimeout: Int64, run: Run) async throws -> Int {
        var removed = 0
        while true {
            let started = ContinuousClock.now
            let batch = try await run { [self] connection in try self.batch(lockTimeout, on: connection) }
            guard case .done(let found, let count) = batch else { return removed }
            removed += count
            if found < options.upkeep.batchSize { return removed }
            // Half of the time belongs to the others.
            try await Task.sleep(for: started.duration(to: .now))
        }
    }

    private func batch(_ lockTimeout: Int64, on connection: MySQLConnection) throws -> Batch {
        let table = MySQLParameter.text(options.tableName)
        var isLocked = false
        try connection.query(Statements.lockSweep, [table, .integer(lockTimeout)]) { isLocked = $0.integer(0) == 1 }
        guard isLocked else { return .busy }
        let started = ContinuousClock.now
        defer { _ = try? connection.query(Statements.unlockSweep, [table]) }

        let size = options.upkeep.batchSize
        var keys: [MySQLParameter] = []
        try connection.query(statements.expiredKeys, [.integer(Int64(size))], maximumRows: size) { row in
            if let key = row.text(0) { keys.append(.text(key)) }
        }
        guard let last = keys.last else { return .done(found: 0, removed: 0) }
        // One text of the statement for all batches: the last key stands for the missing ones.
        let padded = keys + repeatElement(last, count: size - keys.count)
        let removed = try connection.query(statements.deleteExpired(keys: size), padded)
        let microseconds = Int(started.duration(to: .now) / .microseconds(1))
        telemetry.removed(Int(removed))
        log.log(
            .trace, "batch of expired rows removed",
            [\.removed: "\(removed)", \.microseconds: "\(microseconds)"])
        return .done(found: keys.count, removed: Int(removed))
    }

    private func claim(ifDue: Bool = true) -> Bool {
        state.withLock { state in
            let isDue = !ifDue || state.lastSweep.duration(to: .now) >= options.upkeep.interval
            guard !state.isSweeping, isDue else { return false }
            state.isSweeping = true
            return true
        }
    }

    private func release() {
        state.withLock { state in
            state.isSweeping = false
            state.lastSweep = .now
        }
    }
}
