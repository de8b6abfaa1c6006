import Synchronization

/// A clock that stands still until a test moves it. Tasks that sleep by it wake when it has passed their deadline.
public final class ManualClock: Clock, Sendable {
    /// A time since the clock was made.
    public struct Instant: InstantProtocol {
        let offset: Swift.Duration

        /// The time so much later.
        public func advanced(by duration: Swift.Duration) -> Instant { Instant(offset: offset + duration) }
        /// From this time to another one.
        public func duration(to other: Instant) -> Swift.Duration { other.offset - offset }
        /// Whether a time is before another one.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var lastSleeper = 0
        var sleepers: [Int: Sleeper] = [:]
    }

    private let state = Mutex(State())

    /// A clock at its beginning.
    public init() {}

    /// The present time.
    public var now: Instant { state.withLock(\.now) }

    /// A nanosecond.
    public let minimumResolution = Swift.Duration.nanoseconds(1)

    /// Moves the clock, and wakes those whose time has come.
    ///
    /// - Parameter duration: How far; not negative.
    public func advance(by duration: Swift.Duration) {
        precondition(duration >= .zero, "time does not run backwards")
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// How many tasks sleep.
    public var sleepers: Int { state.withLock(\.sleepers.count) }

    /// Waits until the clock was moved to the deadline.
    ///
    /// - Throws: `CancellationError`, if the task is cancelled before.
    public func sleep(until deadline: Instant, tolerance: Swift.Duration? = nil) async throws {
        let id = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Looked at with the lock held: a cancellation comes before this, or finds the sleeper.
                let result: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: id) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
