package import FedifyKv
package import MySQLClient

extension KvError {
    /// Maps an error of the client to one of the store.
    ///
    /// - Parameters:
    ///   - error: The client's.
    ///   - isRepeatable: Whether the operation is idempotent; if not, it may be `outcomeUnknown`.
    package init(_ error: MySQLError, isRepeatable: Bool) {
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
        case (_, ServerErrorCode.datetimeOverflow): self = TimeToLive.tooLong
        case _ where error.isOfJSONDepth:
            self = kv(.unsupportedValue, "the server can't keep this value: its JSON is nested too deep")
        case (_, let code?) where ServerErrorCode.invalidJSON.contains(code):
            self = kv(.unsupportedValue, "the server rejects the value's JSON text: \(error.detail)")
        case (_, let code?) where ServerErrorCode.packetTooLarge.contains(code):
            self = kv(.valueTooLarge, "the value is larger than the server's max_allowed_packet")
        case (_, ServerErrorCode.keyTooLong):
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
}

extension MySQLError {
    /// The value is nested too deep. On MariaDB the check that fails is the one that the column of type JSON has by itself
    /// (named by table and column), not one of the table owner's; all else of the text was checked before it was sent.
    fileprivate var isOfJSONDepth: Bool {
        serverCode == ServerErrorCode.jsonTooDeep
            || serverCode == ServerErrorCode.constraintFailed && message.contains(".value` failed")
    }

    /// The reason is a value or an expiry, not the statement; nothing was applied.
    var isOfOneRow: Bool {
        let code = KvError(self, isRepeatable: true).code
        return serverCode != nil && [.unsupportedValue, .valueTooLarge, .invalidTTL].contains(code)
    }
}
