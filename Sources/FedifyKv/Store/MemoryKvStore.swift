#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A store in this process's memory: for tests, and for data that may be lost with the process.
///
/// It keeps every promise of ``KvStore``; its clock can be one that a test moves.
public actor MemoryKvStore<C: Clock>: KvStore where C.Duration == Duration {
    private struct Stored {
        var value: JSONValue
        var expires: C.Instant?
    }

    /// How typed values are encoded and decoded.
    public nonisolated let coding: KvCoding
    private let clock: C
    private var entries: [KvKey: Stored] = [:]
    /// Writes until expired entries are looked for: as many as there were entries, so that the search costs each write a
    /// constant.
    private var writesUntilSweep = 64

    /// An empty store.
    ///
    /// - Parameters:
    ///   - clock: The clock by which entries expire.
    ///   - coding: How typed values are encoded and decoded.
    public init(clock: C = ContinuousClock(), coding: KvCoding = .default) {
        self.clock = clock
        self.coding = coding
    }

    /// How many entries are kept, expired ones that were not let go yet included.
    package var storedCount: Int { entries.count }

    /// The value of a key, or nil if there is none.
    ///
    /// - Throws: ``KvError`` `emptyKey`.
    public func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
        try Self.check(key)
        return live(key)?.value
    }

    /// Stores a value. See ``KvStore/set(_:_:ttl:)``.
    ///
    /// - Throws: ``KvError`` `emptyKey`, `invalidTTL`, or `invalidValue` for text that isn't JSON.
    public func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
        try Self.check(key)
        write(key, try store(value, ttl))
    }

    /// Deletes an entry, if there is one.
    ///
    /// - Throws: ``KvError`` `emptyKey`.
    public func delete(_ key: KvKey) async throws(KvError) {
        try Self.check(key)
        write(key, nil)
    }

    /// Compare-and-swap. See ``KvStore/cas(_:expected:new:ttl:)``.
    ///
    /// - Throws: ``KvError`` `emptyKey`, `invalidTTL`, or `invalidValue` for text that isn't JSON.
    public func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
        try Self.check(key)
        _ = try expected?.summary()
        let life = try ttl.map { ttl throws(KvError) in try Self.check(ttl) }
        let stored = try new.map { value throws(KvError) in try store(value, life) }
        guard live(key)?.value == expected else { return false }
        write(key, stored)
        return true
    }

    /// The entries below a prefix. See ``KvStore/list(prefix:)``.
    public nonisolated func list(prefix: KvKey) -> KvEntries {
        KvEntries {
            var keys: ArraySlice<KvKey>?
            return {
                let left: ArraySlice<KvKey>
                if let keys { left = keys } else { left = await self.keys(below: prefix)[...] }
                guard !left.isEmpty else { return nil }
                keys = left.dropFirst(256)
                return await self.entries(of: left.prefix(256))
            }
        }
    }

    private func keys(below prefix: KvKey) -> [KvKey] {
        entries.keys.filter { $0.hasPrefix(prefix) }.sorted()
    }

    private func entries(of keys: ArraySlice<KvKey>) -> [KvEntry] {
        keys.compactMap { key in live(key).map { KvEntry(key: key, value: $0.value) } }
    }

    private static func check(_ key: KvKey) throws(KvError) {
        if key.isEmpty { throw .emptyKey }
    }

    /// The ttl, if the entry would end before the year 10000.
    private static func check(_ ttl: Duration) throws(KvError) -> Duration {
        let life = try TimeToLive(ttl)
        let year10000 = Date(timeIntervalSince1970: 253_402_300_800)
        guard Date.now.addingTimeInterval(Double(life.microseconds) / 1e6) < year10000 else { throw TimeToLive.tooLong }
        return .microseconds(life.microseconds)
    }

    private func store(_ value: JSONValue, _ ttl: Duration?) throws(KvError) -> Stored {
        _ = try value.summary()
        guard let ttl else { return Stored(value: value, expires: nil) }
        return Stored(value: value, expires: clock.now.advanced(by: try Self.check(ttl)))
    }

    private func live(_ key: KvKey) -> Stored? {
        guard let stored = entries[key] else { return nil }
        if let expires = stored.expires, expires <= clock.now { return nil }
        return stored
    }

    private func write(_ key: KvKey, _ stored: Stored?) {
        entries[key] = stored
        writesUntilSweep -= 1
        if writesUntilSweep <= 0 {
            let now = clock.now
            entries = entries.filter { $0.value.expires.map { $0 > now } ?? true }
            writesUntilSweep = max(64, entries.count)
        }
    }
}
