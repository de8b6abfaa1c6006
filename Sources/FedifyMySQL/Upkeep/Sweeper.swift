import FedifyKv
import NIOConcurrencyHelpers
import MySQLClient

/// Removes expired rows in bounded batches, in the background.
final class Sweeper: Sendable {
    /// Runs work on a connection, with the store's retries.
    typealias WithConnection =
        @Sendable (@escaping @Sendable (MySQLConnection) async throws -> Batch) async throws -> Batch

    /// The result of a batch.
    enum Batch: Sendable {
        /// Another sweeper is running.
        case busy
        /// Rows found expired, and rows removed: some may have been refreshed in between.
        case done(found: Int, removed: Int)
    }

    private struct State {
        var lastSweep: ContinuousClock.Instant
        var isSweeping = false
        /// Whether the last sweep failed, which was logged.
        var hasFailed = false
        /// Whether the server refuses the lock, which was logged.
        var isWithoutLock = false
    }

    /// A sweeper that holds the lock half of the time is missed once in 2^10 times.
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

    /// Called after a write with a ttl: sweeps in the background if one is due.
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
            // Jitter: processes that started together take turns at sweeping.
            try? await Task.sleep(for: options.upkeep.interval * Double.random(in: 0.75...1))
        }
    }

    /// Sweeps to the end, for a caller.
    func sweepAll(withConnection: WithConnection) async throws -> Int {
        try await batches(lockTimeout: 5, withConnection: withConnection)
    }

    private func sweep(withConnection: WithConnection) async {
        do {
            guard try await isAlone() else {
                log.log(.trace, "another sweeper is running")
                return
            }
            let removed = try await batches(lockTimeout: 0, withConnection: withConnection)
            state.withLockedValue { $0.hasFailed = false }
            if removed > 0 { log.log(.debug, "expired rows removed", [\.count: "\(removed)"]) }
        } catch let error where KvError(wrapping: error).code == .cancelled {
            // The next sweep continues.
        } catch {
            // A failed sweep must not fail a caller. A lasting failure is logged once, as the table grows.
            instrumentation.sweepFailed()
            let isNews = state.withLockedValue { state in
                defer { state.hasFailed = true }
                return !state.hasFailed
            }
            log.log(isNews ? .warning : .debug, "expired rows were not removed", [\.error: "\(error)"])
        }
    }

    /// Whether no other sweeper is running.
    ///
    /// A sweeper holds the lock for a batch at a time, so that it occupies no connection while it sleeps. One look can
    /// miss a sweeper between two batches; two sweepers would alternate and leave no pause.
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
                size = size.reducedAfterTimeout()
            }
            // Sleep as long as the batch took: 50 % duty cycle.
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

    /// Acquires or checks the lock.
    ///
    /// It is an optimization: two sweepers would do the same work twice, which is harmless. Clusters refuse the lock,
    /// Percona's with 1105 in strict mode, Galera with 1235.
    ///
    /// - Returns: The answer; nil if the server refuses the statement.
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
