import FedifyKv
import Testing

@Suite struct KvErrorTests {
    @Test func whatMayHaveBeenAppliedFollowsFromTheCode() {
        let codes: [KvError.Code] = [
            .emptyKey, .keyTooLong, .invalidValue, .unsupportedValue, .valueTooLarge, .decodingFailed, .invalidTTL,
            .invalidConfiguration, .connectionFailed, .overloaded, .deadlineExceeded, .cancelled, .outcomeUnknown,
            .serverError, .closed,
        ]
        let errors = codes.map { KvError($0, "") }
        #expect(errors.filter(\.mayHaveBeenApplied).map(\.code) == [.deadlineExceeded, .outcomeUnknown])
        #expect(errors.filter(\.isRetryable).map(\.code) == [.connectionFailed, .overloaded, .deadlineExceeded])
        #expect(!KvError(.deadlineExceeded, "", mayHaveBeenApplied: false).mayHaveBeenApplied)
    }

    @Test func anyErrorBecomesAKvError() {
        struct Other: Error {}
        #expect(KvError(wrapping: KvError(.closed, "x")).description == "closed: x")
        #expect(KvError(wrapping: CancellationError()).code == .cancelled)
        let wrapped = KvError(wrapping: Other())
        #expect(wrapped.code == .serverError)
        #expect(wrapped.underlyingError is Other)
    }
}
