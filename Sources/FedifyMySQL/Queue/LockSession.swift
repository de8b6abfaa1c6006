import MySQLClient
import NIOConcurrencyHelpers

/// The connection that holds the locks of ordering keys, for one listener. It is of a pool of its own, so that it keeps
/// no other caller from a connection.
///
/// A lock is the session's: if the connection ends, the server gives all of its locks up.
final class LockSession: Sendable {
    private struct State {
        var confirmed: ContinuousClock.Instant
        var isLost = false
        var onLoss: (@Sendable () -> Void)?
        var end: CheckedContinuation<Void, Never>?
    }

    private let pool: MySQLPool
    private let connection: MySQLConnection
    /// The server ends the session when it has heard nothing for so long.
    private let timeout: Duration
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - configuration: That of the queue's pool.
    ///   - timeout: How long the locks may outlive a process that is gone, in whole seconds.
    ///   - onLoss: Called once, when the session has ended.
    /// - Returns: The session.
    /// - Throws: `MySQLError`.
    static func open(
        _ configuration: MySQLConfiguration, timeout: Duration, onLoss: @escaping @Sendable () -> Void
    ) async throws -> LockSession {
        var configuration = configuration
        configuration.pool.maximumConnections = 1
        configuration.pool.hasShardPerEventLoop = false
        configuration.pool.acquisitionTimeout = configuration.operationTimeout
        configuration.sessionSetup.append("SET SESSION wait_timeout = \(max(timeout.components.seconds, 1))")
        let pool = try MySQLPool(configuration)
        return try await withCheckedThrowingContinuation { continuation in
            Task {
                do {
                    try await pool.withConnection(deadline: .now + .seconds(31_536_000)) { connection in
                        let session = LockSession(pool, connection, timeout, onLoss)
                        await session.watch()
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

    private init(
        _ pool: MySQLPool, _ connection: MySQLConnection, _ timeout: Duration, _ onLoss: @escaping @Sendable () -> Void
    ) {
        self.pool = pool
        self.connection = connection
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

    /// Asks for a sign of life if there was none for a while, and ends the session before the server may have done so.
    func keepAlive() async {
        let confirmed = state.withLockedValue(\.confirmed)
        if confirmed.duration(to: .now) > timeout * 0.8 {
            return await close()
        }
        if confirmed.duration(to: .now) > timeout / 5 {
            _ = try? await self.confirmed([.query("SELECT 1", [], rows: 1)])
        }
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
