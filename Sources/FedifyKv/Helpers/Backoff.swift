/// Pauses between attempts, with jitter: callers that met once must not meet again. The longest is a quarter of a second.
struct Backoff {
    private var attempts = 0
    private let deadline: ContinuousClock.Instant

    init(timeout: Duration) {
        deadline = .now + timeout
    }

    /// The timeout has passed.
    var isOver: Bool { .now >= deadline }

    /// Waits for the next attempt.
    ///
    /// - Returns: Whether there may be one: the timeout has not passed.
    /// - Throws: ``KvError`` `cancelled`.
    mutating func pause() async throws(KvError) -> Bool {
        guard !isOver else { return false }
        let longest = Duration.milliseconds(min(250, 4 << min(attempts, 6)))
        attempts += 1
        do {
            try await Task.sleep(
                for: min(longest * Double.random(in: 0.25...1), ContinuousClock.now.duration(to: deadline)))
        } catch {
            throw KvError(wrapping: error)
        }
        return true
    }
}
