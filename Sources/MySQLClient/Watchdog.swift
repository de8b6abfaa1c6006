import Dispatch
import Foundation
import Locking

/// Runs actions at their deadlines, on one thread of the process. A call into Connector/C can't be given up from
/// within; the watchdog's action shuts its socket down from without.
package final class Watchdog: Sendable {
    package static let shared = Watchdog()

    package typealias Instant = ContinuousClock.Instant
    package typealias Token = UInt64

    private struct Entry {
        var deadline: Instant
        var action: @Sendable () -> Void
    }

    private struct State {
        var entries: [Token: Entry] = [:]
        var lastToken: Token = 0
        /// When the thread wakes by itself; nil while it waits for a first entry.
        var wakesAt: Instant?
    }

    private let state = Locked(State())
    private let wake = DispatchSemaphore(value: 0)

    private init() {
        let thread = Thread { self.run() }
        thread.name = "mysql-watchdog"
        thread.start()
    }

    /// Runs `action` once `deadline` has passed. It must be quick.
    package func schedule(at deadline: Instant, _ action: @escaping @Sendable () -> Void) -> Token {
        let (token, isSooner) = state.withLock { state in
            state.lastToken += 1
            state.entries[state.lastToken] = Entry(deadline: deadline, action: action)
            let isSooner = state.wakesAt.map { deadline < $0 } ?? true
            // The thread is told once: until it has woken, later entries need not tell it again.
            if isSooner { state.wakesAt = deadline }
            return (state.lastToken, isSooner)
        }
        if isSooner { wake.signal() }
        return token
    }

    /// Forgets an action, if it has not begun: it may be under way on the watchdog's thread as this returns.
    func cancel(_ token: Token) {
        state.withLock { _ = $0.entries.removeValue(forKey: token) }
    }

    private func run() {
        while true {
            let (due, next) = state.withLock { state -> ([Entry], Instant?) in
                let now = Instant.now
                let due = state.entries.filter { $0.value.deadline <= now }
                for token in due.keys { state.entries[token] = nil }
                state.wakesAt = state.entries.values.lazy.map(\.deadline).min()
                return (Array(due.values), state.wakesAt)
            }
            for entry in due { entry.action() }
            if let next { _ = wake.wait(timeout: .now() + Instant.now.duration(to: next)) } else { wake.wait() }
        }
    }
}

extension DispatchTime {
    static func + (time: DispatchTime, duration: Duration) -> DispatchTime {
        let (seconds, attoseconds) = duration.components
        return time + DispatchTimeInterval.seconds(Int(seconds))
            + DispatchTimeInterval.nanoseconds(Int(attoseconds / 1_000_000_000))
    }
}
