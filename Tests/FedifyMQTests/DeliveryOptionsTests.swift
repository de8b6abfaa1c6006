import FedifyMQ
import Testing

@Suite struct DeliveryOptionsTests {
    private func options(_ change: (inout DeliveryOptions) -> Void) -> DeliveryOptions {
        var options = DeliveryOptions()
        change(&options)
        return options
    }

    @Test func sensibleOptionsAreTaken() throws {
        let taken = [
            options { _ in }, options { $0.lease = .seconds(1) }, options { $0.lease = .seconds(86400) },
            options { $0.maximumAttempts = 1 }, options { $0.handlerTimeout = .nanoseconds(1) },
            options { $0.gracePeriod = .zero }, options { $0.maximumBackoff = $0.minimumBackoff },
            options { $0.maximumBackoff = .seconds(365 * 86400) },
        ]
        for options in taken { try options.validate() }
    }

    @Test func senselessOptionsAreRefused() {
        let refused = [
            (options { $0.lease = .milliseconds(999) }, "lease"), (options { $0.lease = .seconds(86401) }, "lease"),
            (options { $0.maximumAttempts = 0 }, "attempts"), (options { $0.minimumBackoff = .zero }, "backoff"),
            (options { $0.minimumBackoff = $0.maximumBackoff + .seconds(1) }, "backoff"),
            (options { $0.maximumBackoff = .seconds(365 * 86400 + 1) }, "backoff"),
            (options { $0.handlerTimeout = .zero }, "timeout"),
            (options { $0.gracePeriod = .seconds(-1) }, "grace period"),
        ]
        for (options, reason) in refused {
            let error = #expect(throws: MQError.self) { try options.validate() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(reason) == true)
        }
    }

    /// The pause is any part of a maximum that doubles.
    @Test func theBackoffGrows() {
        let options = DeliveryOptions()
        let maxima: [(Int, Duration)] = [
            (1, .seconds(1)), (2, .seconds(2)), (5, .seconds(16)), (12, .seconds(2048)), (13, .seconds(3600)),
            (1000, .seconds(3600)), (.max, .seconds(3600)), (0, .seconds(1)),
        ]
        for (attempt, maximum) in maxima {
            let pauses = (0..<1000).map { _ in options.backoff(afterAttempt: attempt) }
            #expect(pauses.allSatisfy { $0 >= .zero && $0 <= maximum })
            // Of a thousand random ones, some are in the first tenth, and some in the last.
            #expect(pauses.min()! < maximum * 0.1)
            #expect(pauses.max()! > maximum * 0.9)
        }
    }
}
