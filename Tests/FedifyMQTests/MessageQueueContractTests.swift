import FedifyMQ
import FedifyMQTesting
import Testing

/// The contract suite finds the fault of queues that break one promise each.
@Suite struct MessageQueueContractTests {
    /// The suite's findings for a queue with this fault.
    private func violation(
        _ fault: BrokenQueue.Fault?, patience: Duration = .milliseconds(400)
    ) async throws -> ContractViolation? {
        let clock = ManualClock()
        var options = DeliveryOptions()
        options.maximumAttempts = 3
        options.whenFailed = fault == .failedKeysBlock ? .overtake : .block
        if [.noTimeLimit, .handlersAreLeft, .slowIsDead].contains(fault) { options.handlerTimeout = .seconds(60) }
        let queue = try BrokenQueue(fault: fault, clock: clock, options: options)
        let contract = MessageQueueContract(of: queue, options: options, patience: patience) { clock.advance(by: $0) }
        do {
            try await contract.check()
            return nil
        } catch let error as ContractViolation {
            return error
        }
    }

    @Test(arguments: BrokenQueue.Fault.allCases)
    func aBrokenPromiseIsNamed(_ fault: BrokenQueue.Fault) async throws {
        let violation = try #require(try await violation(fault))
        #expect(violation.description.contains(fault.rawValue), "\(violation)")
    }

    /// It is the fault that the suite finds, not the wrapper.
    @Test func aQueueWithoutFaultPasses() async throws {
        let violation = try await violation(nil, patience: .seconds(30))
        #expect(violation == nil, "\(violation?.description ?? "")")
    }

    /// Messages of others are not touched.
    @Test func aQueueThatIsNotEmptyIsLeftAlone() async throws {
        let queue = MemoryMessageQueue()
        try await queue.enqueue("mine")
        do {
            try await MessageQueueContract(of: queue).check()
            Issue.record("it was checked")
        } catch let error as ContractViolation {
            #expect(error.promises == ["the queue is empty before the check: expected 0, saw 1"])
            #expect(
                error.description.hasPrefix("promises of MessageQueue that the queue broke (1):"), "\(error)")
        }
        #expect(try await queue.depth() == QueueDepth(queued: 1, ready: 1))
    }
}
