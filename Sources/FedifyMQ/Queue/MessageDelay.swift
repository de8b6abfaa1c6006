/// A delay as queues keep it: whole microseconds, rounded up so that no message comes early.
package struct MessageDelay: Sendable, Equatable {
    package let microseconds: Int64

    /// - Throws: ``MQError`` `invalidDelay` for a negative duration, or one that can't end before the year 10000.
    package init(_ duration: Duration) throws(MQError) {
        guard duration >= .zero else {
            throw MQError(.invalidDelay, "the delay is negative; zero is the least, and means at once")
        }
        // 8,000 years: added to a time after 2000, this is past the year 9999 by any clock.
        guard duration <= .seconds(8000 * 365 * 86400) else { throw Self.tooLong }
        let (seconds, attoseconds) = duration.components
        microseconds = seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
    }

    /// The delay as a duration.
    package var duration: Duration { .microseconds(microseconds) }

    /// The delay ends past the last date that MySQL and MariaDB can store.
    package static let tooLong = MQError(.invalidDelay, "the delay ends past the year 9999; choose a shorter one")
}
