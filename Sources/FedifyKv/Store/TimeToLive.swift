/// A time to live as stores keep it: whole microseconds, rounded up so that no life becomes none.
package struct TimeToLive: Sendable, Equatable {
    package let microseconds: Int64

    /// - Throws: ``KvError`` `invalidTTL` for a negative duration, or one that can't end before the year 10000.
    package init(_ duration: Duration) throws(KvError) {
        guard duration >= .zero else {
            throw KvError(.invalidTTL, "the ttl is negative; zero is the least, and means expired at once")
        }
        // 8,000 years: added to a time after 2000, this is past the year 9999 by any clock.
        guard duration <= .seconds(8000 * 365 * 86400) else { throw Self.tooLong }
        let (seconds, attoseconds) = duration.components
        microseconds = seconds * 1_000_000 + (attoseconds + 999_999_999_999) / 1_000_000_000_000
    }

    /// The ttl ends past the last date that MySQL and MariaDB can store.
    package static let tooLong = KvError(
        .invalidTTL, "the ttl ends past the year 9999; leave it out for an entry that never expires")
}
