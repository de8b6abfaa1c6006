import MySQLClient

/// What to do after an attempt that failed. (The documentation has it as a table: "What is tried again".)
///
/// - Nothing was sent or applied (`transient`, `notWritable`): retry any operation.
/// - It may have been applied (a lost connection, `outcomeUnknown`): retry idempotent operations, which are all except
///   `cas`; `cas` fails with `KvError.Code.outcomeUnknown`.
/// - The table doesn't exist: create it, once.
/// - Any other error is permanent.
struct RetryPolicy: Sendable {
    /// The operation is idempotent.
    var isRepeatable = true
    /// Whether a missing table is created.
    var createsTable = true

    enum Decision: Equatable {
        case createTable
        /// After a random pause of up to this many milliseconds, so that callers that deadlocked don't do so again.
        case retry(longestPause: Int)
        case fail
    }

    /// - Parameters:
    ///   - error: The failure of the attempt.
    ///   - failed: The number of failed attempts before it.
    /// - Returns: What to do.
    func decision(after error: MySQLError, failed: Int) -> Decision {
        if error.serverCode == ServerErrorCode.noSuchTable { return createsTable ? .createTable : .fail }
        guard isRepeatable || !error.mayHaveBeenApplied, error.mayPass else { return .fail }
        return .retry(longestPause: min(250, 2 << min(failed + 1, 7)))
    }
}

extension MySQLError {
    /// Whether a retry may succeed.
    var mayPass: Bool {
        if code == .connectionLost { return true }
        guard let serverCode, code == .server else { return false }
        return [ServerErrorCode.transient, ServerErrorCode.notWritable, ServerErrorCode.outcomeUnknown]
            .contains { $0.contains(serverCode) }
    }

    /// Whether a single row may be the reason: nothing was applied, and a retry would fail too.
    var mayBeOfOneRow: Bool {
        code == .server && !mayHaveBeenApplied && !mayPass && serverCode != ServerErrorCode.noSuchTable
            || code == .packetTooLarge
    }
}
