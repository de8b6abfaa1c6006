import Locking

/// Work that waits for a connection, or runs on one. Whoever takes it out of a phase answers its caller, so that the
/// caller is answered exactly once.
package final class PoolJob: Sendable, Waiter {
    /// Answers the caller.
    package typealias Answer = @Sendable () -> Void
    /// Runs the work on a connection's thread; gives back what answers the caller.
    package typealias Work = @Sendable (MySQLConnection) -> Answer
    /// Answers the caller without having run the work.
    package typealias Fail = @Sendable (any Error) -> Void

    private enum Phase {
        case new
        case waiting(Work, Fail)
        case running(Interrupter)
        case finished
        /// Cancelled, or too late, before it was submitted.
        case failed(any Error)
    }

    private let phase = Locked(Phase.new)
    // Safe: the pool's lock guards it.
    package nonisolated(unsafe) var ticket: Int?
    /// When it began to wait.
    let created = ContinuousClock.now

    package init() {}

    /// Takes the work in; gives back what answers the caller at once, if the job has failed before.
    func submit(_ work: @escaping Work, _ fail: @escaping Fail) -> (() -> Void)? {
        phase.withLock { phase in
            if case .failed(let error) = phase { return { fail(error) } }
            phase = .waiting(work, fail)
            return nil
        }
    }

    /// The job has not begun.
    var isWaiting: Bool {
        phase.withLock { phase in
            switch phase {
            case .new, .waiting: true
            case .running, .finished, .failed: false
            }
        }
    }

    /// Ends the job, if it has not begun.
    ///
    /// - Returns: What answers the caller.
    func fail(_ error: any Error) -> (() -> Void)? {
        phase.withLock { phase in
            switch phase {
            case .waiting(_, let fail):
                phase = .finished
                return { fail(error) }
            case .new:
                phase = .failed(error)
                return nil
            case .running, .finished, .failed: return nil
            }
        }
    }

    /// Ends what the connection does for this job, if it runs.
    package func interrupt() {
        phase.withLock { phase in
            if case .running(let interrupter) = phase { interrupter.interrupt() }
        }
    }

    /// Runs the job on a connection, if it still waits.
    ///
    /// - Returns: What answers the caller.
    func run(on connection: MySQLConnection) -> Answer? {
        let work = phase.withLock { phase -> Work? in
            guard case .waiting(let work, _) = phase else { return nil }
            phase = .running(connection.interrupter)
            return work
        }
        guard let work else { return nil }
        let answer = work(connection)
        phase.withLock { $0 = .finished }
        return answer
    }
}
