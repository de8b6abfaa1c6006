import FedifyKv
import FedifyKvTesting
import Testing

/// The contract suite finds the fault of stores that break one promise each.
@Suite struct KvStoreContractTests {
    /// A store in memory with a fault, or with none.
    struct Broken: KvStore {
        /// The fault, by a part of the promise that it breaks.
        enum Fault: String, CaseIterable, Sendable {
            // Values
            case absenceIsNull = "a key that was never set has no value"
            case nullIsAbsence = "a stored null is a value"
            case numbersAreDoubles = "what is read is equal"
            case longTextsAreCut = "characters), saw"
            case deleteDoesNothing = "a key that was deleted has no value"
            case deleteNeedsAnEntry = "deleting what isn't there does nothing"
            case invalidJSONIsTaken = "a value that isn't JSON is refused"
            // Keys
            case emptyKeyIsTaken = "an empty key is refused"
            case keysAreNormalized = "keys are different if their scalars are"
            case casIgnoresCase = "keys are different for a cas"
            case deleteTakesKeysBelow = "a delete leaves other keys alone"
            case longKeysAreTaken = "a longer key is refused by set"
            // Time to live
            case ttlIsIgnored = "an entry is gone when its ttl has passed"
            case ttlIsNotCleared = "set without a ttl clears the expiry"
            case ttlIsKeptFromBefore = "a later ttl takes the place"
            case zeroIsForEver = "a ttl of zero is as a delete"
            case shortestLifeIsRefused = "a ttl of a nanosecond is taken"
            case negativeTTLIsTaken = "a ttl that is negative"
            case hugeTTLIsCut = "past the year 9999 is refused by set"
            case longTTLIsRefused = "a ttl that ends before the year 10000 is taken"
            case expiredIsListed = "an expired entry is not listed"
            // Compare-and-swap
            case casComparesText = "cas takes"
            case casComparesDoubles = "cas takes 9007199254740993 for different from 9007199254740992"
            case casIgnoresExpected = "another value is not swapped"
            case casForgetsToStore = "a cas that wins stores its value"
            case casNeedsAChange = "a value is swapped for itself"
            case casTakesNullForAbsence = "a stored null is not absence for a cas"
            case casIgnoresTTL = "an entry stored by cas is gone"
            case casKeepsExpiry = "a cas without a ttl clears the expiry"
            case losersSetExpiry = "a cas that loses sets no expiry"
            case losersClearExpiry = "a cas that loses leaves the expiry as it is"
            case casSeesExpired = "an expired entry is absent for a cas"
            // Races
            case absentCasIsNotAtomic = "one wins a key whose entry is absent"
            case presentCasIsNotAtomic = "one wins a key whose entry is present"
            case swapsAreLost = "a counter raised by cas is exact"
            case operationsFailSideBySide = "the check of races ended"
            // Helpers
            case updatesAreLost = "no update is lost"
            case updatesForgetTheTTL = "an update takes a ttl"
            case nullIsProducedAgain = "a stored null is a value that is not produced again"
            case leasesAreShared = "tasks one produces"
            case leasesAreKept = "after a producer that failed the next one produces"
            case leasesNeverEnd = "a producer that is gone is waited for until its ttl has passed"
            case locksAreShared = "a lock has one holder at a time"
            case locksAreKept = "a lock is free after its holder has ended"
            case locksNeverEnd = "a holder that is gone is waited for until its ttl has passed"
            case locksAreNotRenewed = "a holder that loses its lock is told"
            case foreignLocksAreDeleted = "a lock is deleted by its holder alone"
            case fencingNumbersRepeat = "fencing numbers grow"
            // Listing
            case listIsUnordered = "ordered by the bytes of the serialized keys"
            case listIsOrderedByComponents = "the first entry of a listing comes first"
            case listMatchesText = "begin with the prefix's components"
            case listForgetsThePrefix = "a listing has the keys"
            case listTakesPatterns = "a listing has the keys that begin"
            case listNeedsAPrefix = "a listing without a prefix has everything"
            case listEndsAfterAPage = "is listed exactly once"
            case listRepeatsAtPages = "no entry is listed twice"
            case listIsWalkedOnce = "a listing can be walked again"
            case listMixesUpValues = "a listing has the entries' values"
        }

        let fault: Fault?
        let memory: MemoryKvStore<ManualClock>
        /// The wrapper's own state.
        let notes = Notes()

        func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
            let value = try await memory.get(self.key(key))
            switch fault {
            case .nullIsAbsence where value == .null: return nil
            case .nullIsProducedAgain where key.components().contains("produced") && value == .null: return nil
            case .absenceIsNull: return value ?? .null
            default: return value
            }
        }

        func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
            let key = self.key(key)
            try await memory.set(key, kept(value), ttl: try await kept(ttl, of: key))
            await notes.wrote(key, value, ttl)
        }

        func delete(_ key: KvKey) async throws(KvError) {
            switch fault {
            case .deleteDoesNothing where !key.components().isEmpty: return
            case .deleteNeedsAnEntry where try await memory.get(key) == nil:
                throw KvError(.serverError, "there is no such entry")
            case .deleteTakesKeysBelow:
                for try await entry in memory.list(prefix: key) { try await memory.delete(entry.key) }
            default: break
            }
            try await memory.delete(self.key(key))
            await notes.deleted(key)
        }

        func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
            let key = self.key(key)
            let present = try await get(key)
            var (expected, ttl) = (expected, ttl)
            switch fault {
            case .casIgnoresCase where !key.components().isEmpty:
                let lowercased = KvKey(key.components().map { $0.lowercased() })
                if lowercased != key, expected == nil, try await get(lowercased) != nil { return false }
            case .casComparesText where present?.json != expected?.json: return false
            case .casComparesDoubles where expected?.json == "9007199254740993":
                if present?.json == "9007199254740992" { expected = present }
            case .casIgnoresExpected where present != nil && expected != nil: expected = present
            case .casForgetsToStore where present != nil && new != nil: return present == expected
            case .casNeedsAChange where expected != nil && expected == new: return false
            case .casTakesNullForAbsence where expected == nil && present == .null: expected = .null
            case .casIgnoresTTL: ttl = ttl == .nanoseconds(1) ? nil : ttl
            case .casKeepsExpiry where expected != nil && ttl == nil: ttl = await notes.ttls[key] ?? nil
            case .losersSetExpiry where present != expected && present != nil && ttl != nil:
                try await memory.set(key, present!, ttl: ttl)
                return false
            case .losersClearExpiry where present != expected && present != nil:
                try await memory.set(key, present!, ttl: nil)
                return false
            case .casSeesExpired where expected == nil && present == nil && new != nil:
                if await notes.ttls[key] == .some(.nanoseconds(1)) { return false }
            case .absentCasIsNotAtomic where expected == nil && present == nil,
                .presentCasIsNotAtomic where expected != nil && present == expected,
                .swapsAreLost where present == expected:
                for _ in 0..<5 { await Task.yield() }
                if let new { try await memory.set(key, new, ttl: ttl) } else { try await memory.delete(key) }
                return true
            case .updatesAreLost where key.components().contains("update") && present == expected:
                for _ in 0..<5 { await Task.yield() }
                if let new { try await memory.set(key, new, ttl: ttl) }
                return true
            case .updatesForgetTheTTL where key.components().contains("update"): ttl = nil
            case .leasesAreShared where isLease(key) && new != nil: return true
            case .leasesAreKept where isLease(key) && new == nil: return true
            case .locksAreShared where isLock(key) && expected == nil: return true
            case .locksAreShared where isLock(key) && new != nil: return true
            case .locksAreKept where isLock(key) && new == nil: return true
            case .locksAreNotRenewed where isLock(key) && expected != nil && expected == new: return true
            case .foreignLocksAreDeleted where isLock(key) && new == nil:
                try await memory.delete(key)
                return true
            case .fencingNumbersRepeat where key.hasPrefix(["_fedify_kv", "fencing"]): return true
            case .operationsFailSideBySide where key.components().contains("race"):
                guard await notes.isAlone() else { throw KvError(.serverError, "deadlock") }
                await Task.yield()
                await notes.left()
            default: break
            }
            return try await memory.cas(key, expected: expected, new: new, ttl: ttl)
        }

        func list(prefix: KvKey) -> KvEntries {
            let walks = Walks()
            return KvEntries {
                var isDone = false
                return {
                    guard !isDone else { return nil }
                    isDone = true
                    if fault == .listIsWalkedOnce, await !walks.isFirst() { return nil }
                    return try await page(prefix)
                }
            }
        }

        // MARK: - How faults work

        private func isLease(_ key: KvKey) -> Bool { key.hasPrefix(["_fedify_kv", "lease"]) }

        private func isLock(_ key: KvKey) -> Bool { key.components().last == "lock" && key.components().count == 2 }

        private func key(_ key: KvKey) -> KvKey {
            switch fault {
            case .emptyKeyIsTaken where key.components().isEmpty: ["empty"]
            case .keysAreNormalized: KvKey(key.components().map { $0 == "e\u{301}" ? "\u{E9}" : $0 })
            default: key
            }
        }

        private func kept(_ value: JSONValue) -> JSONValue {
            switch fault {
            case .invalidJSONIsTaken where (try? JSONValue(json: value.json)) == nil: .null
            case .numbersAreDoubles where value.json == "9007199254740993": JSONValue(uncheckedJSON: "9007199254740992")
            case .longTextsAreCut where value.json.utf8.count > 65535 && value.json.hasPrefix("\""):
                JSONValue(uncheckedJSON: value.json.prefix(30_000) + "\"")
            default: value
            }
        }

        private func kept(_ ttl: Duration?, of key: KvKey) async throws(KvError) -> Duration? {
            switch fault {
            case .ttlIsIgnored: return nil
            case .leasesNeverEnd where isLease(key), .locksNeverEnd where isLock(key): return nil
            case .ttlIsNotCleared where ttl == nil: return await notes.ttls[key] ?? nil
            case .ttlIsKeptFromBefore: return await notes.ttls[key] ?? ttl
            case .zeroIsForEver where ttl == .zero: return nil
            case .shortestLifeIsRefused where ttl == .nanoseconds(1):
                throw KvError(.invalidTTL, "less than a microsecond")
            case .negativeTTLIsTaken: return ttl.map { max($0, .zero) }
            case .hugeTTLIsCut: return ttl.map { min($0, .seconds(100_000_000_000)) }
            case .longTTLIsRefused where ttl.map { $0 > .seconds(1_000_000_000) } ?? false:
                throw KvError(.invalidTTL, "more than 30 years")
            default: return ttl
            }
        }

        private func page(_ prefix: KvKey) async throws -> [KvEntry] {
            var entries: [KvEntry] = []
            let isFiltered = fault != .listMatchesText && fault != .listTakesPatterns
            for try await entry in memory.list(prefix: isFiltered ? prefix : []) where matches(entry.key, prefix) {
                entries.append(entry)
            }
            switch fault {
            case .listIsUnordered: entries.reverse()
            case .listIsOrderedByComponents:
                entries.sort { $0.key.components().lexicographicallyPrecedes($1.key.components()) }
            case .listNeedsAPrefix where prefix.components().isEmpty: entries = []
            case .listEndsAfterAPage: entries = Array(entries.prefix(1000))
            case .listRepeatsAtPages where entries.count > 1000: entries.insert(entries[999], at: 1000)
            case .listMixesUpValues where entries.count > 1:
                entries[0] = KvEntry(key: entries[0].key, value: entries[1].value)
            case .expiredIsListed where entries.isEmpty:
                if let value = await notes.values[prefix] { entries = [KvEntry(key: prefix, value: value)] }
            default: break
            }
            return entries
        }

        private func matches(_ key: KvKey, _ prefix: KvKey) -> Bool {
            switch fault {
            case .listMatchesText: key.serialized.hasPrefix(prefix.serialized.dropLast(2))
            case .listForgetsThePrefix: key.hasPrefix(prefix) && key != prefix
            case .listTakesPatterns where prefix.components().last == "%":
                key.hasPrefix(KvKey(prefix.components().dropLast()))
            default: key.hasPrefix(prefix)
            }
        }
    }

    /// The last write, and the running operations.
    actor Notes {
        private(set) var ttls: [KvKey: Duration?] = [:]
        private(set) var values: [KvKey: JSONValue] = [:]
        private var working = 0

        func wrote(_ key: KvKey, _ value: JSONValue, _ ttl: Duration?) {
            ttls[key] = ttl
            values[key] = value
        }

        func deleted(_ key: KvKey) {
            ttls[key] = nil
            values[key] = nil
        }

        func isAlone() -> Bool {
            working += 1
            return working == 1
        }

        func left() { working -= 1 }
    }

    /// Counts the walks through a listing.
    actor Walks {
        private var count = 0

        func isFirst() -> Bool {
            count += 1
            return count == 1
        }
    }

    /// The suite's findings for a store with this fault.
    private func violation(_ fault: Broken.Fault?) async -> ContractViolation? {
        let clock = ManualClock()
        let store = Broken(fault: fault, memory: MemoryKvStore(clock: clock))
        let contract = KvStoreContract(of: store, maximumKeyLength: fault == .longKeysAreTaken ? 768 : nil) {
            clock.advance(by: $0)
        }
        do {
            try await contract.check()
            return nil
        } catch {
            return error as? ContractViolation
        }
    }

    @Test(arguments: Broken.Fault.allCases)
    func aBrokenPromiseIsNamed(_ fault: Broken.Fault) async throws {
        let violation = try #require(await violation(fault))
        #expect(violation.description.contains(fault.rawValue), "\(violation)")
    }

    /// It is the fault that the suite finds, not the wrapper.
    @Test func aStoreWithoutFaultPasses() async {
        let violation = await violation(nil)
        #expect(violation == nil, "\(violation?.description ?? "")")
    }

    /// All that is broken is said at once, each with what was expected and seen.
    @Test func everyBrokenPromiseIsReported() async throws {
        let violation = try #require(await violation(.deleteDoesNothing))
        #expect(violation.promises.count > 2)
        #expect(
            violation.description.hasPrefix("promises of KvStore that the store broke (\(violation.promises.count)):"))
        #expect(violation.promises.contains("a key that was deleted has no value: expected nil, saw Optional(null)"))
    }

    /// A failure is shown in a terminal: the values in it are cut.
    @Test func largeValuesAreCutInTheReport() async throws {
        let violation = try #require(await violation(.longTextsAreCut))
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
