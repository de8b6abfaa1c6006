import FedifyKv
import FedifyKvTesting
import Testing

/// The contract suite finds what it is there to find: stores that break one promise each.
@Suite struct KvStoreContractTests {
    /// A store in memory with a fault.
    struct Broken: KvStore {
        enum Fault: String, CaseIterable, Sendable {
            case nullIsAbsence = "a stored null is a value"
            case ttlIsIgnored = "an entry is gone when its ttl has passed"
            case ttlIsNotCleared = "set without a ttl clears the expiry"
            case negativeTTLIsTaken = "a ttl that is negative"
            case casComparesText = "cas takes"
            case casIgnoresExpected = "another value is not swapped"
            case casIsNotAtomic = "of 64 tasks one wins"
            case casIgnoresTTL = "an entry stored by cas is gone"
            case invalidJSONIsTaken = "a value that isn't JSON is refused"
            case emptyKeyIsTaken = "an empty key is refused"
            case keysAreNormalized = "keys are different if their scalars are"
            case listIsUnordered = "by the bytes of the serialized key"
            case listMatchesText = "begin with the prefix's components"
            case listForgetsThePrefix = "a listing has the keys"
            case deleteDoesNothing = "a key that was deleted has no value"
            case numbersAreDoubles = "what is read is equal"
            case keysAreCut = "a longer key is refused"
        }

        let fault: Fault
        let memory: MemoryKvStore<ManualClock>

        private func key(_ key: KvKey) throws -> KvKey {
            switch fault {
            case .emptyKeyIsTaken where key.components.isEmpty: ["empty"]
            case .keysAreNormalized: KvKey(key.components.map { $0 == "e\u{301}" ? "\u{E9}" : $0 })
            case .keysAreCut: key
            default: key
            }
        }

        func get(_ key: KvKey) async throws -> KvValue? {
            let value = try await memory.get(self.key(key))
            return fault == .nullIsAbsence && value == .null ? nil : value
        }

        func set(_ key: KvKey, _ value: KvValue, ttl: Duration?) async throws {
            var (value, ttl) = (value, ttl)
            switch fault {
            case .ttlIsIgnored: ttl = nil
            case .ttlIsNotCleared where ttl == nil: ttl = .milliseconds(300)
            case .negativeTTLIsTaken: ttl = ttl.map { max($0, .zero) }
            case .invalidJSONIsTaken: if (try? KvValue(json: value.json)) == nil { value = .null }
            case .numbersAreDoubles where value.json == "9007199254740993": value = KvValue(trusted: "9007199254740992")
            default: break
            }
            try await memory.set(self.key(key), value, ttl: ttl)
        }

        func delete(_ key: KvKey) async throws {
            if fault == .deleteDoesNothing, !key.components.isEmpty { return }
            try await memory.delete(self.key(key))
        }

        func cas(_ key: KvKey, expected: KvValue?, new: KvValue?, ttl: Duration?) async throws -> Bool {
            let present = try await get(key)
            switch fault {
            case .casComparesText where present?.json != expected?.json: return false
            case .casIgnoresExpected where present != nil && expected != nil:
                return try await memory.cas(key, expected: present, new: new, ttl: ttl)
            case .casIsNotAtomic where expected == nil && present == nil:
                await Task.yield()
                if let new { try await set(key, new, ttl: ttl) }
                return true
            case .casIgnoresTTL: return try await memory.cas(key, expected: expected, new: new, ttl: nil)
            default: return try await memory.cas(self.key(key), expected: expected, new: new, ttl: ttl)
            }
        }

        func list(prefix: KvKey) -> KvEntries {
            KvEntries {
                var isDone = false
                return {
                    guard !isDone else { return nil }
                    isDone = true
                    var entries: [KvEntry] = []
                    for try await entry in memory.list() where matches(entry.key, prefix) { entries.append(entry) }
                    if fault == .listIsUnordered { entries.reverse() }
                    return entries
                }
            }
        }

        private func matches(_ key: KvKey, _ prefix: KvKey) -> Bool {
            switch fault {
            case .listMatchesText: key.serialized.hasPrefix(prefix.serialized.dropLast(2))
            case .listForgetsThePrefix: key.hasPrefix(prefix) && key != prefix
            default: key.hasPrefix(prefix)
            }
        }
    }

    @Test(arguments: Broken.Fault.allCases)
    func aBrokenPromiseIsNamed(_ fault: Broken.Fault) async throws {
        let clock = ManualClock()
        let store = Broken(fault: fault, memory: MemoryKvStore(clock: clock))
        let contract = KvStoreContract(of: store, longestKey: fault == .keysAreCut ? 768 : nil) {
            clock.advance(by: $0)
        }
        let violation = await #expect(throws: ContractViolation.self) { try await contract.check() }
        #expect(violation?.description.contains(fault.rawValue) == true, "\(violation?.description ?? "")")
    }

    /// It leaves nothing behind, and touches nothing of others.
    @Test func theSuiteCleansUp() async throws {
        let kv = MemoryKvStore()
        try await kv.set(["mine"], 1)
        try await KvStoreContract(of: kv).check()
        var keys: [KvKey] = []
        for try await entry in kv.list() { keys.append(entry.key) }
        #expect(keys == [["mine"]])
    }
}
