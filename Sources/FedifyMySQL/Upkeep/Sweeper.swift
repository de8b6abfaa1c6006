import FedifyKv
import NIOConcurrencyHelpers
import MySQLClient

/// Removes expired rows, in bounded batches, off the path of callers.
final class Sweeper: Sendable {
    /// Runs work on a connection, with the store's retries.
    typealias WithConnection =
        @Sendable (@escaping @Sendable (MySQLConnection) async throws -> Batch) async throws -> Batch

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
        /// The last sweep failed: that was told of.
        var hasFailed = false
        /// The server refuses the lock: that was told of.
        var isWithoutLock = false
    }

    /// A sweeper at work half of the time is overlooked once in 2^10 times.
    private static let looks = 10
    private static let pauseBetweenLooks = Duration.milliseconds(50)

    private let pool: MySQLPool
    private let statements: Statements
    private let options: MySQLKvStoreOptions
    private let log: MetadataLogger
    private let instrumentation: StoreInstrumentation
    private let state: NIOLockedValueBox<State>

    init(
        _ pool: MySQLPool, _ statements: Statements, _ options: MySQLKvStoreOptions, _ log: MetadataLogger,
        _ instrumentation: StoreInstrumentation
    ) {
        self.pool = pool
        self.statements = statements
        self.options = options
        self.log = log
        self.instrumentation = instrumentation
        state = NIOLockedValueBox(State(lastSweep: .now))
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
    func sweepRegularly(withConnection: WithConnection) async {
        while !Task.isCancelled {
            if claim(ifDue: false) {
                await sweep(withConnection: withConnection)
                release()
            }
            // Jitter: processes started together take turns at being the one that sweeps.
            try? await Task.sleep(for: options.upkeep.interval * Double.random(in: 0.75...1))
        }
    }

    /// Sweeps to the end, at a caller's wish.
    func sweepAll(withConnection: WithConnection) async throws -> Int {
        try await batches(lockTimeout: 5, withConnection: withConnection)
    }

    private func sweep(withConnection: WithConnection) async {
        do {
            guard try await isAlone() else {
                log.log(.trace, "another sweeper is at work")
                return
            }
            let removed = try await batches(lockTimeout: 0, withConnection: withConnection)
            state.withLockedValue { $0.hasFailed = false }
            if removed > 0 { log.log(.debug, "expired rows removed", [\.count: "\(removed)"]) }
        } catch is CancellationError {
            // The next sweep goes on where it stopped.
        } catch {
            // Upkeep that fails is nobody's failure. What lasts is told once: the table grows meanwhile.
            instrumentation.sweepFailed()
            let isNews = state.withLockedValue { state in
                defer { state.hasFailed = true }
                return !state.hasFailed
            }
            log.log(isNews ? .warning : .debug, "expired rows were not removed", [\.error: "\(error)"])
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
                try await lock(Statements.isSweepFree, [table], on: connection)
            }
            guard let isFree else { return true }
            guard isFree else { return false }
            try await Task.sleep(for: Self.pauseBetweenLooks * Double.random(in: 0...2))
        }
        return true
    }

    private func batches(lockTimeout: Int64, withConnection: WithConnection) async throws -> Int {
        var removed = 0
        var size = options.upkeep.batchSize
        while true {
            let started = ContinuousClock.now
            do {
                let batch = try await withConnection { [self, size] connection in
                    try await self.batch(size, lockTimeout, on: connection)
                }
                guard case .done(let found, let count) = batch else { return removed }
                removed += count
                if found < size { return removed }
            } catch let error as KvError where error.code == .deadlineExceeded && size > 1 {
                size = max(1, size / 8)
            }
            // Half of the time belongs to the others.
            try await Task.sleep(for: started.duration(to: .now))
        }
    }

    private func batch(_ size: Int, _ lockTimeout: Int64, on connection: MySQLConnection) async throws -> Batch {
        let table = MySQLParameter.text(options.tableName)
        let isLocked = try await lock(Statements.lockSweep, [table, .integer(lockTimeout)], on: connection)
        guard isLocked != false else { return .busy }
        let batch: Result<Batch, any Error>
        do {
            batch = .success(try await removeExpired(size, on: connection))
        } catch {
            batch = .failure(error)
        }
        if isLocked == true { _ = try? await connection.rows(Statements.unlockSweep, [table]) }
        return try batch.get()
    }

    /// Asks for the lock, or about it.
    ///
    /// It is a help, not a need: two sweepers do the same work twice, and no harm. Clusters refuse it, Percona's with 1105
    /// in strict mode, Galera with 1235.
    ///
    /// - Returns: The answer; nil if the server refuses the question.
    private func lock(
        _ sql: String, _ parameters: [MySQLParameter], on connection: MySQLConnection
    ) async throws(MySQLError) -> Bool? {
        do throws(MySQLError) {
            return try await connection.rows(sql, parameters).rows.first?.integer(0) == 1
        } catch {
            guard error.code == .server, !error.mayPass else { throw error }
            let isNews = state.withLockedValue { state in
                defer { state.isWithoutLock = true }
                return !state.isWithoutLock
            }
            if isNews { log.log(.warning, "expired rows are removed without a lock", [\.error: "\(error)"]) }
            return nil
        }
    }

    private func removeExpired(_ size: Int, on connection: MySQLConnection) async throws -> Batch {
        let started = ContinuousClock.now
        let keys = try await connection.rows(statements.expiredKeys, [.integer(Int64(size))], maximumRows: size).rows
            .compactMap { $0.text(0).map(MySQLParameter.text) }
        guard !keys.isEmpty else { return .done(found: 0, removed: 0) }
        let removed = try await connection.query(statements.deleteExpired(keys: size), keys.filled(to: size))
        let microseconds = Int(started.duration(to: .now) / .microseconds(1))
        instrumentation.removed(Int(removed))
        log.log(
            .trace, "batch of expired rows removed",
            [\.removed: "\(removed)", \.microseconds: "\(microseconds)"])
        return .done(found: keys.count, removed: Int(removed))
    }

    private func claim(ifDue: Bool = true) -> Bool {
        state.withLockedValue { state in
            let isDue = !ifDue || state.lastSweep.duration(to: .now) >= options.upkeep.interval
            guard !state.isSweeping, isDue else { return false }
            state.isSweeping = true
            return true
        }
    }

    private func release() {
        state.withLockedValue { state in
            state.isSweeping = false
            state.lastSweep = .now
        }
    }
}
