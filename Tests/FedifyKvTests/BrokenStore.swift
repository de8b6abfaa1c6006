import FedifyKv
import FedifyKvTesting

/// A store in memory with a fault, or with none.
struct BrokenStore: KvStore {
    let fault: Fault?
    let memory: MemoryKvStore<ManualClock>
    /// The state of the wrapper, beside the store's entries.
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
            await notes.meet()
            if let new { try await memory.set(key, new, ttl: ttl) } else { try await memory.delete(key) }
            return true
        case .updatesAreLost where key.components().contains("update") && present == expected:
            await notes.meet()
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
            await notes.meet()
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

/// The last write, and the callers at work.
actor Notes {
    private(set) var ttls: [KvKey: Duration?] = [:]
    private(set) var values: [KvKey: JSONValue] = [:]
    private var working = 0
    private var meetings = 0

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

    /// Waits until another caller has come here too, or until none seems to come.
    func meet() async {
        meetings += 1
        let mine = meetings
        for _ in 0..<1000 where meetings == mine { await Task.yield() }
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
