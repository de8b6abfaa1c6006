public import FedifyKv

/// What every `KvStore` promises, as one check that an author of a store runs from a test:
///
/// ```swift
/// @Test func keepsTheContract() async throws {
///     try await KvStoreContract(of: MyStore()).check()
/// }
/// ```
///
/// The store may hold other entries: the check works below a prefix of its own, and deletes what it made.
public struct KvStoreContract: Sendable {
    let store: any KvStore
    let maximumKeyLength: Int?
    let concurrency: Int
    let iterations: Int
    let advanceTime: @Sendable (Duration) async throws -> Void
    /// Below this are the keys of this check.
    let root = "contract-\(UInt64.random(in: 0...UInt64.max))"

    /// A check of a store.
    ///
    /// - Parameters:
    ///   - store: The store.
    ///   - maximumKeyLength: The Unicode scalars of serialized text that a key may have, at least 128; nil, if there is
    ///     no limit.
    ///   - concurrency: How many tasks race for a key at the same time.
    ///   - iterations: How many times they race.
    ///   - advanceTime: Lets this much time pass by the store's clock, for entries to expire: a test that moves the
    ///     clock says how. By default it waits.
    public init(
        of store: any KvStore,
        maximumKeyLength: Int? = nil,
        concurrency: Int = 64,
        iterations: Int = 5,
        advanceTime: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        precondition(maximumKeyLength.map { $0 >= 128 } ?? true, "the keys of the check itself need 128 scalars")
        precondition(concurrency >= 2 && iterations >= 1, "a race takes two tasks and an iteration")
        self.store = store
        self.maximumKeyLength = maximumKeyLength
        self.concurrency = concurrency
        self.iterations = iterations
        self.advanceTime = advanceTime
    }

    /// Checks every promise.
    ///
    /// - Throws: `ContractViolation`, which names all that were broken.
    public func check() async throws {
        let recorder = ContractRecorder()
        await recorder.group("values", checkValues)
        await recorder.group("invalid values", checkInvalidValues)
        await recorder.group("typed values", checkTypedValues)
        await recorder.group("keys", checkKeys)
        await recorder.group("empty keys", checkEmptyKey)
        await recorder.group("the longest key", checkLongestKey)
        await recorder.group("expiry", checkExpiry)
        await recorder.group("expired entries", checkExpiredEntries)
        await recorder.group("invalid times to live", checkInvalidTimesToLive)
        await recorder.group("compare-and-swap", checkCompareAndSwap)
        await recorder.group("equality in compare-and-swap", checkEquality)
        await recorder.group("expiry in compare-and-swap", checkSwappedExpiry)
        await recorder.group("races", checkRaces)
        // They rest on the operations: over a store that breaks its promises they would wait for what never comes.
        if recorder.broken.isEmpty {
            await recorder.group("updates", checkUpdate)
            await recorder.group("produced values", checkGetOrSet)
            await recorder.group("locks", checkLock)
        }
        await recorder.group("listing", checkListing)
        await recorder.group("long listings", checkLongListing)
        await recorder.group("cleaning up") { _ in
            for prefix in [key(), HelperKeys.lease(key()), HelperKeys.fencing(key())] {
                for try await entry in store.list(prefix: prefix) { try await store.delete(entry.key) }
            }
        }
        try recorder.report("KvStore that the store broke")
    }

    /// A key of this check.
    func key(_ components: String...) -> KvKey {
        KvKey([root] + components)
    }

    /// The entry after it was set.
    func stored(_ key: KvKey, _ value: JSONValue, ttl: Duration? = nil) async throws -> JSONValue? {
        try await store.set(key, value, ttl: ttl)
        return try await store.get(key)
    }

    /// The keys that a listing yields.
    func listed(_ prefix: KvKey) async throws -> [KvKey] {
        var keys: [KvKey] = []
        for try await entry in store.list(prefix: prefix) { keys.append(entry.key) }
        return keys
    }
}

extension ContractRecorder {
    /// A promise that an operation is refused.
    func refuses(_ promise: String, _ code: KvError.Code, _ operation: () async throws -> Void) async {
        await refuses(promise, code, in: { ($0 as? KvError)?.code }, operation)
    }
}
