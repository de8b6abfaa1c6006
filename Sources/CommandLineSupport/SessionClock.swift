package import MySQLClient

/// The UTC offset of a session's time zone over the year.
package struct SessionClock: Sendable {
    /// The zone's name, `SYSTEM` with the server's own name for it.
    package let zone: String
    /// Seconds ahead of UTC.
    package let now: Int
    /// The same, twice a month from half a year ago to half a year from now.
    package let overTheYear: [Int]

    private static let halfMonth = 365 * 86400 / 24

    /// Queries the server in the session.
    ///
    /// A zone that is at UTC now may not be in summer, so `NOW()` is not enough.
    package init(of connection: MySQLConnection) async throws(MySQLError) {
        let moments = (-12...12).map { number in
            let seconds = number * Self.halfMonth
            return """
                TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP() + INTERVAL \(seconds) SECOND, \
                FROM_UNIXTIME(UNIX_TIMESTAMP() + \(seconds)))
                """
        }
        let sql =
            "SELECT @@SESSION.time_zone, @@GLOBAL.system_time_zone, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW()), "
            + moments.joined(separator: ", ")
        guard let row = try await connection.unpreparedRows(sql, maximumRows: 1).first, row.count == 3 + moments.count
        else {
            throw MySQLError(.protocolViolation, "the server does not tell its time zone")
        }
        let name = (row.text(0) ?? "").escaped(limit: 64)
        zone = name == "SYSTEM" ? "SYSTEM (\((row.text(1) ?? "").escaped(limit: 64)))" : name
        now = Int(row.integer(2) ?? 0)
        // Moments past 2038 are NULL on some servers.
        overTheYear = (3..<row.count).compactMap { row.integer($0).map(Int.init) }
    }

    /// The session's time is UTC, now and at all times of the year.
    package var isAlwaysUTC: Bool { now == 0 && overTheYear.allSatisfy { $0 == 0 } }

    /// The zone and its offsets.
    package var text: String {
        let others = Swift.Set(overTheYear).subtracting([now]).sorted()
        guard !others.isEmpty else { return "\(zone), \(Self.offset(now))" }
        return "\(zone), \(Self.offset(now)) now and \(others.map(Self.offset).joined(separator: ", ")) at other times "
            + "of the year"
    }

    private static func offset(_ seconds: Int) -> String {
        guard seconds != 0 else { return "UTC" }
        func two(_ number: Int) -> String { String(String(100 + number).dropFirst()) }
        let (minutes, rest) = abs(seconds).quotientAndRemainder(dividingBy: 60)
        return "UTC\(seconds < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
            + (rest == 0 ? "" : ":\(two(rest))")
    }
}
