import CommandLineSupport
import Foundation
import MySQLClient

/// Clocks and time zones.
extension Examination {
    /// The clocks of server and client. Only the server's counts for the store.
    func clock() async throws -> Finding {
        let sent = Date()
        let sql = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
        let time = Double(try await rows(sql).first?.first.flatMap { $0 } ?? "") ?? 0
        let ours = (sent.timeIntervalSince1970 + Date().timeIntervalSince1970) / 2
        let skew = time / 1_000_000 - ours
        let isFar = abs(skew) > 1
        return Finding(
            isFar ? .warn : .good,
            "the server's clock is \(abs((skew * 1000).rounded()) / 1000) s \(skew < 0 ? "behind" : "ahead of") this machine's",
            advice: isFar ? "Expiry depends only on the server's clock; set both by NTP, so that logs agree." : nil)
    }

    func timeZone() async throws -> Finding {
        let clock = try await SessionClock(of: connection)
        return Finding(
            clock.isAlwaysUTC ? .good : .warn,
            clock.isAlwaysUTC ? "\(clock.zone): UTC throughout the year" : clock.text,
            advice: clock.isAlwaysUTC
                ? nil
                : "This store keeps expiry dates in UTC, Fedify's TypeScript store in this zone: if they share the table, set "
                    + "expiryClock to sessionTimeZone, or the server to UTC.")
    }

    /// The clock that the rows were probably written by.
    ///
    /// An expiry date alone doesn't show it: an hour from now by one clock is another time from now by the other. A row
    /// that is live by one clock and expired by the other does: the store that uses the second one would have deleted
    /// it.
    func expiryClock(named namedClock: ExpiryClock?) async throws -> Finding? {
        let clock = try await SessionClock(of: connection)
        guard !clock.isAlwaysUTC else { return Finding(.good, "no choice is needed: the session's time zone is UTC") }
        let row: [String?]
        do throws(MySQLError) {
            row = try await rows(Self.endsOfRows(in: name)).first ?? []
        } catch {
            guard error.serverCode == ServerErrorCode.noSuchTable else { throw error }
            return nil
        }
        let between = Int((row.first ?? nil) ?? "") ?? 0
        let newest = row.last.flatMap { $0 }.flatMap { Int($0) }
        let number = between > 1000 ? "more than 1000 rows" : between == 1 ? "1 row" : "\(between) rows"
        // East of UTC the session's time is later, so rows expire sooner.
        let suggested: ExpiryClock? = between == 0 ? nil : clock.now > 0 ? .utc : .sessionTimeZone
        let seen: String
        if let newest {
            let ends =
                "the latest expiry is \(Self.time(newest)) by UTC, \(Self.time(newest - clock.now)) by the session's time zone"
            seen =
                suggested.map { suggestion in
                    let other: ExpiryClock = suggestion == .utc ? .sessionTimeZone : .utc
                    return "\(number) live by \(suggestion.rawValue) and expired by \(other.rawValue); \(ends)"
                } ?? "all rows are live, or expired, by both clocks, so they don't show which clock wrote them; \(ends)"
        } else {
            seen = "no row has an expiry, so they don't show which clock wrote them"
        }
        return finding(seen, suggested, named: namedClock)
    }

    private func finding(_ seen: String, _ suggested: ExpiryClock?, named namedClock: ExpiryClock?) -> Finding {
        let meaning = "utc if only this store writes to the table, session-time-zone if Fedify's TypeScript store does"
        switch (namedClock, suggested) {
        case (let named?, let suggested?) where named != suggested:
            return Finding(
                .warn, "\(named.rawValue) was given; \(seen)",
                advice:
                    "The rows look like \(suggested.rawValue), unless nothing has swept the table since: \(meaning).")
        case (let named?, _): return Finding(.good, "\(named.rawValue) was given; \(seen)")
        case (nil, let suggested?):
            return Finding(
                .warn, seen,
                advice:
                    "The rows look like --expiry-clock \(suggested.rawValue), unless nothing has swept the table since: "
                    + meaning + ".")
        case (nil, nil):
            return Finding(.warn, seen, advice: "Pass --expiry-clock to sweep, export, import and copy: \(meaning).")
        }
    }

    /// The number of rows that expire between the times of the two clocks, up to 1001; and the latest expiry, in
    /// seconds from now by UTC.
    private static func endsOfRows(in table: String) -> String {
        """
        SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM \(table) WHERE `expires` > LEAST(UTC_TIMESTAMP(6), NOW(6)) \
        AND `expires` <= GREATEST(UTC_TIMESTAMP(6), NOW(6)) LIMIT 1001) AS part), \
        TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), MAX(`expires`)) FROM \(table)
        """
    }

    /// A relative time in words.
    private static func time(_ seconds: Int) -> String {
        let size = abs(seconds)
        let text =
            switch size {
            case ..<120: "\(size) s"
            case ..<7200: "\(size / 60) min"
            case ..<172_800: "\(size / 3600) h"
            default: "\(size / 86400) days"
            }
        return seconds < 0 ? "\(text) ago" : "in \(text)"
    }
}
