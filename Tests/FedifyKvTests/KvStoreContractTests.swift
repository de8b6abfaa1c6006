import FedifyKv
import FedifyKvTesting
import Testing

/// The contract suite finds the fault of stores that break one promise each.
@Suite struct KvStoreContractTests {
    /// The suite's findings for a store with this fault.
    private func violation(_ fault: BrokenStore.Fault?) async throws -> ContractViolation? {
        let clock = ManualClock()
        let store = BrokenStore(fault: fault, memory: MemoryKvStore(clock: clock))
        let contract = KvStoreContract(of: store, maximumKeyLength: fault == .longKeysAreTaken ? 768 : nil) {
            clock.advance(by: $0)
        }
        do {
            try await contract.check()
            return nil
        } catch let error as ContractViolation {
            return error
        }
    }

    @Test(arguments: BrokenStore.Fault.allCases)
    func aBrokenPromiseIsNamed(_ fault: BrokenStore.Fault) async throws {
        let violation = try #require(try await violation(fault))
        #expect(violation.description.contains(fault.rawValue), "\(violation)")
    }

    /// It is the fault that the suite finds, not the wrapper.
    @Test func aStoreWithoutFaultPasses() async throws {
        let violation = try await violation(nil)
        #expect(violation == nil, "\(violation?.description ?? "")")
    }

    /// All that is broken is said at once, each with what was expected and seen.
    @Test func everyBrokenPromiseIsReported() async throws {
        let violation = try #require(try await violation(.deleteDoesNothing))
        #expect(violation.promises.count > 2)
        #expect(
            violation.description.hasPrefix("promises of KvStore that the store broke (\(violation.promises.count)):"))
        #expect(violation.promises.contains("a key that was deleted has no value: expected nil, saw Optional(null)"))
    }

    /// A failure is shown in a terminal: the values in it are cut.
    @Test func largeValuesAreCutInTheReport() async throws {
        let violation = try #require(try await violation(.longTextsAreCut))
        #expect(violation.description.utf8.count < 5000)
    }

    /// It leaves no entries, and doesn't touch others.
    @Test func theSuiteCleansUp() async throws {
        let clock = ManualClock()
        let kv = MemoryKvStore(clock: clock)
        try await kv.set(["mine"], 1)
        try await KvStoreContract(of: kv) { clock.advance(by: $0) }.check()
        var keys: [KvKey] = []
        for try await entry in kv.list() { keys.append(entry.key) }
        #expect(keys == [["mine"]])
    }
}
