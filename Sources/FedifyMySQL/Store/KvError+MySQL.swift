import FedifyKv
import MySQLClient

extension KvError {
    /// Maps an error of the client to one of the store.
    init(_ error: MySQLError, isRepeatable: Bool) {
        func kv(_ code: Code, _ message: String) -> KvError {
            KvError(code, message, mayHaveBeenApplied: error.mayHaveBeenApplied, underlyingError: error)
        }
        if error.mayHaveBeenApplied, !isRepeatable {
            self = kv(
                .outcomeUnknown,
                "the outcome of the compare-and-swap is unknown, and it was not tried again; read the key to see. "
                    + "Cause: \(error.detail)")
            return
        }
        switch (error.code, error.serverCode) {
        case (_, Self.datetimeOverflow): self = TimeToLive.tooLong
        case _ where error.isOfJSONDepth:
            self = kv(.unsupportedValue, "the server can't keep this value: its JSON is nested too deep")
        case (_, let code?) where Self.invalidJSON.contains(code):
            self = kv(.unsupportedValue, "the server rejects the value's JSON text: \(error.detail)")
        case (_, let code?) where Self.packetTooLarge.contains(code):
            self = kv(.valueTooLarge, "the value is larger than the server's max_allowed_packet")
        case (_, Self.keyTooLong):
            self = kv(
                .serverError,
                "the server's pages are too small for the table's key, which needs an innodb_page_size of 16 KiB: "
                    + error.detail)
        case (.acquisitionTimedOut, _), (.tooManyQueuedOperations, _): self = kv(.overloaded, error.message)
        case (.deadlineExceeded, _):
            // Not for reads, nor for writes that were never sent.
            let isOpen = error.mayHaveBeenApplied
            self = kv(
                .deadlineExceeded, error.message + (isOpen ? "; it may have been applied, or may still be" : ""))
        case (.connectionFailed, _), (.accessDenied, _), (.insecure, _), (.connectionLost, _):
            self = kv(.connectionFailed, error.detail)
        case (.invalidConfiguration, _): self = kv(.invalidConfiguration, error.message)
        case (.closed, _): self = kv(.closed, error.message)
        default: self = kv(.serverError, error.detail)
        }
    }

    /// "Specified key was too long": a limit that depends on the size of InnoDB's pages.
    private static let keyTooLong: UInt32 = 1071
    private static let datetimeOverflow: UInt32 = 1441
    /// MySQL: "The JSON document exceeds the maximum depth."
    fileprivate static let jsonTooDeep: UInt32 = 3157
    /// MariaDB: a check failed. If it is the column's `json_valid(value)`, the reason is the depth: everything else was
    /// checked before.
    fileprivate static let constraintFailed: UInt32 = 4025
    /// MySQL: invalid JSON text, or an unsupported character set or number.
    private static let invalidJSON: Set<UInt32> = [3140, 3141, 3144]
    private static let packetTooLarge: Set<UInt32> = [1153, 1301]
}

extension MySQLError {
    /// The value is nested too deep. On MariaDB the failed check is the implicit one of the JSON column (named by table
    /// and column), not one of the table owner's.
    fileprivate var isOfJSONDepth: Bool {
        serverCode == KvError.jsonTooDeep
            || serverCode == KvError.constraintFailed && message.contains(".value` failed")
    }

    /// The reason is a value or an expiry, not the statement; nothing was applied.
    var isOfOneRow: Bool {
        let code = KvError(self, isRepeatable: true).code
        return serverCode != nil && [.unsupportedValue, .valueTooLarge, .invalidTTL].contains(code)
    }
}
