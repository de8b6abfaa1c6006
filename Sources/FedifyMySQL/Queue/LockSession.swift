import MySQLClient
import NIOConcurrencyHelpers

/// The connection that holds the locks of ordering keys, for one listener. It is of a pool of its own, so that it keeps
/// no other caller from a connection.
///
/// A lock is the session's: if the connection ends, the server gives all of its locks up. It is also the server's: where
/// another server takes its place, the locks exclude no other process, so the session ends.
final class LockSession: Sendable {
    private struct State {
        /// When the server was last known to have the session.
        var confirmed: ContinuousClock.Instant
        /// When it was last asked whether it takes writes.
        var asked = ContinuousClock.now
        /// From the beginning.
        var wasReadOnly = false
        var isLost = false
        var onLoss: (@Sendable () -> Void)?
        var end: CheckedContinuation<Void, Never>?
    }

    private let pool: MySQLPool
    private let connection: MySQLConnection
    /// The queue's.
    private let mainPool: MySQLPool
    /// The session ends when the server was not heard of for so long.
    private let timeout: Duration
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - mainPool: The queue's pool.
    ///   - lease: How long the locks may outlive a process that is gone.
    ///   - onLoss: Called once, when the session has ended.
    /// - Returns: The session.
    /// - Throws: `MySQLError`.
    static func open(
        beside mainPool: MySQLPool, lease: Duration, onLoss: @escaping @Sendable () -> Void
    ) async throws -> LockSession {
        var configuration = mainPool.configuration
        let hasOthers = configuration.addresses.count > 1
        let timeout = max(lease, shortestTimeout)
        configuration.addresses = mainPool.candidates
        configuration.pool.maximumConnections = 1
        configuration.pool.hasShardPerEventLoop = false
        configuration.pool.acquisitionTimeout = configuration.operationTimeout
        configuration.sessionSetup.append("SET SESSION wait_timeout = \(timeout.components.seconds)")
        let pool = try MySQLPool(configuration)
        // Another server may take the place of one that stands still, as soon as that (Galera: `evs.suspect_timeout`;
        // Group Replication detects it as fast).
        let silence = hasOthers ? shortestTimeout : timeout
        return try await withCheckedThrowingContinuation { continuation in
            Task {
                do {
                    try await pool.withConnection(deadline: .now + .seconds(31_536_000)) { connection in
                        let session = LockSession(pool, connection, mainPool, silence, onLoss)
                        await session.watch()
                        let isReadOnly = try await session.isReadOnly()
                        // A server alone may be read-only for others than this user.
                        guard session.isAtServerInUse, !isReadOnly || !hasOthers else {
                            throw MySQLError(.connectionFailed, "the server takes no writes")
                        }
                        session.state.withLockedValue { $0.wasReadOnly = isReadOnly }
                        await withCheckedContinuation { end in
                            continuation.resume(returning: session)
                            session.keep(until: end)
                        }
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
                await pool.close()
            }
        }
    }

    /// The servers count it in whole seconds.
    private static let shortestTimeout = Duration.seconds(5)

    private init(
        _ pool: MySQLPool, _ connection: MySQLConnection, _ mainPool: MySQLPool, _ timeout: Duration,
        _ onLoss: @escaping @Sendable () -> Void
    ) {
        self.pool = pool
        self.connection = connection
        self.mainPool = mainPool
        self.timeout = timeout
        state = NIOLockedValueBox(State(confirmed: .now, onLoss: onLoss))
    }

    /// Whether the session has ended.
    var isLost: Bool { state.withLockedValue(\.isLost) }

    private func watch() async {
        _ = try? await connection.onLoop { handler, done in
            handler.onLoss = { [weak self] in self?.ended() }
            done(.success(()))
        }
    }

    private func keep(until end: CheckedContinuation<Void, Never>) {
        let isLost = state.withLockedValue { state in
            if !state.isLost { state.end = end }
            return state.isLost
        }
        if isLost { end.resume() }
    }

    private func ended() {
        let (end, onLoss) = state.withLockedValue { state in
            defer { (state.end, state.onLoss) = (nil, nil) }
            state.isLost = true
            return (state.end, state.onLoss)
        }
        end?.resume()
        onLoss?()
    }

    /// Acquires the locks that no other session holds.
    ///
    /// - Returns: Whether each is ours; a failure: the server can't make a lock of this name.
    func lock(_ names: [String]) async throws(MySQLError) -> [Result<Bool, MySQLError>] {
        let answers = try await confirmed(
            names.map { .query("SELECT GET_LOCK(?, 0)", [.text($0)], rows: 1) })
        return try answers.map { answer throws(MySQLError) in
            if case .failure(let error) = answer, error.code != .server || error.mayPass { throw error }
            return answer.map { $0.rows.first?.integer(0) == 1 }
        }
    }

    /// Gives locks up.
    func unlock(_ names: [String]) async throws(MySQLError) {
        _ = try await confirmed(names.map { .query("SELECT RELEASE_LOCK(?)", [.text($0)], rows: 1) })
    }

    /// Asks for a sign of life from time to time, and ends the session before the server may have done so, or when the
    /// server has lost its place.
    func keepAlive() async {
        let now = ContinuousClock.now
        let (silence, asks) = state.withLockedValue { state in
            let asks = state.asked.duration(to: now) > timeout / 5
            if asks { state.asked = now }
            return (state.confirmed.duration(to: now), asks)
        }
        if silence > timeout * 0.8 || !isAtServerInUse { return await close() }
        guard asks, let isReadOnly = try? await isReadOnly() else { return }
        if isReadOnly, !state.withLockedValue(\.wasReadOnly) { await close() }
    }

    private var isAtServerInUse: Bool { connection.address == mainPool.server.address }

    /// Whether the server takes no writes: another one does, or will. Nothing can be settled here, either.
    private func isReadOnly() async throws(MySQLError) -> Bool {
        let answers = try await confirmed([.query(MySQLServer.isReadOnly, [], rows: 1)])
        return try answers[0].get().rows.first?.integer(0) != 0
    }

    /// When what was sent was answered, the server has heard of us at the time of the sending.
    private func confirmed(
        _ statements: [PipelinedStatement]
    ) async throws(MySQLError) -> [Result<MySQLConnection.Rows, MySQLError>] {
        let sent = ContinuousClock.now
        let answers = try await connection.pipeline(statements)
        state.withLockedValue { $0.confirmed = max($0.confirmed, sent) }
        return answers
    }

    /// Ends the session, and with it all its locks.
    func close() async {
        _ = try? await connection.onLoop { handler, done in
            handler.quit()
            done(.success(()))
        }
        ended()
    }
}
