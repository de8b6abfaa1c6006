import Dispatch
import Foundation
import Locking

/// A thread of the pool, with a connection of its own.
final class PoolWorker: Sendable {
    private let core: PoolCore
    private let wake = DispatchSemaphore(value: 0)
    /// What an idle worker was woken for; nil: to leave.
    private let assigned = Locked<PoolJob?>(nil)
    /// Connections grow too old at different times, or they would all be opened again at once.
    private let lifetime: Duration

    init(_ core: PoolCore) {
        self.core = core
        lifetime = core.configuration.pool.maximumLifetime * Double.random(in: 0.9...1)
    }

    func start() {
        let thread = Thread { self.main() }
        thread.name = "mysql-connection"
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Wakes the worker, which is in the idle list no more.
    func assign(_ job: PoolJob?) {
        assigned.withLock { $0 = job }
        wake.signal()
    }

    private func main() {
        defer { core.left() }
        while let (connection, epoch) = openConnection() {
            let mayReopen = serve(connection, epoch)
            core.closed(epoch, isDemoted: connection.isDemoted)
            connection.close()
            guard mayReopen else { return }
            core.willReopen()
        }
    }

    /// Opens a connection, in as many attempts as it takes while there is work.
    ///
    /// - Returns: The connection, and the pool's epoch that it belongs to.
    private func openConnection() -> (MySQLConnection, epoch: Int)? {
        while core.shouldOpen() {
            let begun = ContinuousClock.now
            do {
                let connection = try open()
                core.metrics.created(in: begun.duration(to: .now))
                if let epoch = core.opened(connection) { return (connection, epoch) }
                // Another worker has found another server meanwhile.
                connection.close()
            } catch {
                guard let delay = core.openFailed(error) else { return nil }
                _ = wake.wait(timeout: .now() + delay)
            }
        }
        return nil
    }

    /// Opens a connection to the server that the pool is at, or to the first of the others that takes writes.
    private func open() throws(MySQLError) -> MySQLConnection {
        var failures: [MySQLError] = []
        for address in core.candidates {
            do {
                return try MySQLConnection(core.configuration, address)
            } catch {
                failures.append(error)
            }
        }
        guard failures.count > 1 else { throw failures[0] }
        // What time won't mend is the news.
        let news = failures.first { $0.code != .connectionFailed } ?? failures[0]
        throw MySQLError(
            news.code,
            "none of \(failures.count) servers can be used: " + failures.map(\.message).joined(separator: "; "))
    }

    /// Runs jobs until the connection can't or need not be used any more.
    ///
    /// - Returns: Whether a new connection should be tried for.
    private func serve(_ connection: MySQLConnection, _ epoch: Int) -> Bool {
        var next = core.next(self)
        // A job that waits for a new connection gets it, however long it took to open.
        var isNew = next != nil
        var silence = core.silence
        while true {
            guard let job = next ?? rest() else { return false }
            if !isNew,
                connection.isStale || connection.openedAt.duration(to: .now) > lifetime || core.epoch != epoch
                    || core.silence != silence
            {
                core.putBack(job)
                return true
            }
            isNew = false
            let begun = ContinuousClock.now
            let answer = job.run(on: connection)
            // What was cancelled meanwhile did not run.
            if core.metrics.isOn, answer != nil {
                core.metrics.waited(job.created.duration(to: begun))
                core.metrics.used(begun.duration(to: .now))
            }
            if connection.isBroken || connection.interrupter.isInterrupted {
                if connection.interrupter.isInterrupted { core.wasSilent() }
                core.log(
                    connectionLost: connection.interrupter.isInterrupted ? "deadline passed" : "broken",
                    connection.address)
                answer?()
                return true
            }
            silence = core.silence
            // The worker is in the idle list before its caller hears: the caller's next call finds it there.
            next = core.next(self)
            answer?()
        }
    }

    /// Waits in the idle list for a job; nil if it is time to leave.
    private func rest() -> PoolJob? {
        if core.isClosed, core.leaveIdle(self) { return nil }
        if wake.wait(timeout: .now() + core.configuration.pool.idleTimeout) == .timedOut {
            if core.leaveIdle(self) { return nil }
            wake.wait()
        }
        return assigned.withLock { $0.take() }
    }
}
