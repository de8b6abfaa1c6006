import MySQLClient

/// What to do after an attempt that failed. (The documentation has it as a table: "What is tried again".)
///
/// - Nothing was sent, or what was sent was not carried out (`transient`, `notWritable`): again, whatever the operation.
/// - It may have been carried out (a lost connection, `outcomeUnknown`): again if twice is as good as once, which is so
///   for all but `cas`; that one ends with `KvError.Code.outcomeUnknown`.
/// - The table isn't there: it is made, once.
/// - All else is final: the next attempt would fail as well.
struct RetryPolicy: Sendable {
    /// The operation may be carried out twice with the same result.
    var isRepeatable = true
    /// A table that isn't there is made.
    var createsTable = true

    enum Decision: Equatable {
        case createTable
        /// After a pause of up to so many milliseconds, by chance: callers that met in a deadlock must not meet again.
        case retry(longestPause: Int)
        case fail
    }

    /// - Parameters:
    ///   - error: What the attempt failed with.
    ///   - failed: How many attempts have failed before it.
    /// - Returns: What to do.
    func decision(after error: MySQLError, failed: Int) -> Decision {
        if error.serverCode == ServerErrorCode.noSuchTable { return createsTable ? .createTable : .fail }
        guard isRepeatable || !error.mayHaveBeenApplied, error.mayPass else { return .fail }
        return .retry(longestPause: min(250, 2 << min(failed + 1, 7)))
    }
}

extension MySQLError {
    /// It may not happen again on the next attempt.
    var mayPass: Bool {
        if code == .connectionLost { return true }
        guard let serverCode, code == .server else { return false }
        return [ServerErrorCode.transient, ServerErrorCode.notWritable, ServerErrorCode.outcomeUnknown]
            .contains { $0.contains(serverCode) }
    }

    /// One row of the statement may be at fault: nothing was carried out, and the next attempt would fail as well.
    var mayBeOfOneRow: Bool {
        code == .server && !mayHaveBeenApplied && !mayPass && serverCode != ServerErrorCode.noSuchTable
            || code == .packetTooLarge
    }
}
