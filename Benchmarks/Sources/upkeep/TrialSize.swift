import Workloads

/// How much of everything there is.
struct TrialSize {
    var expired = 2_000_000
    /// The live rows: 100,000 that the callers overwrite, each time with a new ttl. So many that callers of different
    /// processes seldom meet at one.
    static let rows: Rows = {
        var rows = Rows()
        rows.documents = 0
        rows.expiring = 100_000
        rows.swapped = 0
        return rows
    }()
    /// Processes that share the table, and callers in all of them together.
    let processes = 3
    let callers = 64
    /// Seconds of a round in which nothing is swept, and of one with the sweeper on.
    var quietSeconds = 5.0
    var sweepSeconds = 40.0
    let warmUpSeconds = 1.0
    /// Rounds before there are expired rows.
    let roundsBefore = 3

    static let full = TrialSize()

    static var quick: TrialSize {
        var size = TrialSize()
        (size.expired, size.quietSeconds, size.sweepSeconds) = (200_000, 3, 5)
        return size
    }
}
