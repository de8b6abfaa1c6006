/// How a queue delivers: leases, attempts, and the effect of a failed message on later ones of its key.
public struct DeliveryOptions: Sendable {
    /// The effect of a failed message on later messages of its ordering key.
    public enum FailedKey: String, Sendable, CaseIterable {
        /// They wait until it is tried again, or dead.
        case block
        /// They pass it, as with Fedify's own retries.
        case overtake
    }

    /// For how long a worker has a message without renewing it. One that dies leaves its messages to others after this
    /// time. Leases are renewed at a third of it while handlers run.
    public var lease: Duration = .seconds(30)
    /// How often a message is delivered before it is dead.
    public var maximumAttempts = 10
    /// The longest pause after the first failed attempt. It doubles with each attempt; the pause is a random part of it.
    public var minimumBackoff: Duration = .seconds(1)
    /// The longest pause after any attempt.
    public var maximumBackoff: Duration = .seconds(3600)
    /// How long a handler may take until it is cancelled, which counts as a failure; nil: for ever.
    public var handlerTimeout: Duration?
    /// The effect of a failed message on later messages of its ordering key.
    public var whenFailed = FailedKey.block
    /// How long handlers may go on after a shutdown has begun, until they are cancelled.
    public var gracePeriod: Duration = .seconds(10)

    /// A lease of 30 seconds; 10 attempts, 1 second to 1 hour apart; no time limit; failed messages block their key;
    /// a grace period of 10 seconds.
    public init() {}

    /// - Throws: ``MQError`` `invalidConfiguration`.
    package func validate() throws(MQError) {
        func check(_ isTrue: Bool, _ rule: String) throws(MQError) {
            if !isTrue { throw MQError(.invalidConfiguration, rule) }
        }
        try check(
            lease >= .seconds(1) && lease <= .seconds(86400), "the lease must be from one second to one day")
        try check(maximumAttempts >= 1, "the maximum of attempts must be at least 1")
        try check(
            minimumBackoff > .zero && minimumBackoff <= maximumBackoff && maximumBackoff <= .seconds(31_536_000),
            "the backoff must be more than zero, its minimum at most its maximum, and that at most a year")
        try check(handlerTimeout.map { $0 > .zero } ?? true, "the handler's timeout must be more than zero")
        try check(gracePeriod >= .zero, "the grace period must not be negative")
    }

    /// A random pause before the next attempt: "full jitter".
    ///
    /// - Parameter attempt: The number of the attempt that failed, from 1.
    /// - Returns: Zero or more, at most ``maximumBackoff``.
    package func backoff(afterAttempt attempt: Int) -> Duration {
        let longest = min(maximumBackoff, minimumBackoff * (1 << min(max(attempt, 1) - 1, 40)))
        return longest * Double.random(in: 0...1)
    }
}
