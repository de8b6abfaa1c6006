#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
import Synchronization

/// A store in this process's memory: for tests, and for data that may be lost with the process.
///
/// It keeps every promise of ``KvStore``; its clock can be one that a test moves.
public final class MemoryKvStore<C: Clock>: KvStore where C.Duration == Duration {
    private struct Stored {
        var value: KvValue
        var expires: C.Instant?
    }

    private struct State {
        var entries: [KvKey: Stored] = [:]
        /// Writes until expired entries are looked for: as many as there were entries, so that the search costs each
        /// write a constant.
        var writesUntilSweep = 64
    }

    private let clock: C
    private let state = Mutex(State())

    /// An empty store.
    ///
    /// - Parameter clock: The clock by which entries expire.
    public init(clock: C = ContinuousClock()) {
        self.clock = clock
    }

    /// How many entries are kept, expired ones that were not let go yet included.
    package var storedCount: Int { state.withLock { $0.entries.count } }

    /// The value of a key, or nil if there is none.
    ///
    /// - Throws: ``KvError`` `emptyKey`.
    public func get(_ key: KvKey) async throws -> KvValue? {
        try Self.check(key)
        return state.withLock { live(key, in: $0)?.value }
    }

    /// Stores a value. See ``KvStore/set(_:_:ttl:)``.
    ///
    /// - Throws: ``KvError`` `emptyKey`, `invalidTTL`, or `invalidValue` for text that isn't JSON.
    public func set(_ key: KvKey, _ value: KvValue, ttl: Duration?) async throws {
        try Self.check(key)
        let stored = try store(value, ttl)
        state.withLock { write(key, stored, in: &$0) }
    }

    /// Deletes an entry, if there is one.
    ///
    /// - Throws: ``KvError`` `emptyKey`.
    public func delete(_ key: KvKey) async throws {
        try Self.check(key)
        state.withLock { write(key, nil, in: &$0) }
    }

    /// Compare-and-swap. See ``KvStore/cas(_:expected:new:ttl:)``.
    ///
    /// - Throws: ``KvError`` `emptyKey`, `invalidTTL`, or `invalidValue` for text that isn't JSON.
    public func cas(_ key: KvKey, expected: KvValue?, new: KvValue?, ttl: Duration?) async throws -> Bool {
        try Self.check(key)
        _ = try expected?.document()
        let life = try ttl.map(Self.check)
        let stored = try new.map { try store($0, life) }
        return state.withLock { state in
            guard live(key, in: state)?.value == expected else { return false }
            write(key, stored, in: &state)
            return true
        }
    }

    /// The entries below a prefix. See ``KvStore/list(prefix:)``.
    public func list(prefix: KvKey) -> KvEntries {
        KvEntries {
            var keys: ArraySlice<KvKey>?
            return {
                self.state.withLock { state in
                    let left = keys ?? state.entries.keys.filter { $0.hasPrefix(prefix) }.sorted()[...]
                    guard !left.isEmpty else { return nil }
                    keys = left.dropFirst(256)
                    return left.prefix(256).compactMap { key in
                        self.live(key, in: state).map { KvEntry(key: key, value: $0.value) }
                    }
                }
            }
        }
    }

    private static func check(_ key: KvKey) throws(KvError) {
        if key.components.isEmpty { throw .emptyKey }
    }

    /// The ttl, if the entry would end before the year 10000.
    private static func check(_ ttl: Duration) throws(KvError) -> Duration {
        let life = try TimeToLive(ttl)
        let year10000 = Date(timeIntervalSince1970: 253_402_300_800)
        guard Date.now.addingTimeInterval(Double(life.microseconds) / 1e6) < year10000 else { throw TimeToLive.tooLong }
        return .microseconds(life.microseconds)
    }

    private func store(_ value: KvValue, _ ttl: Duration?) throws(KvError) -> Stored {
        _ = try value.document()
        guard let ttl else { return Stored(value: value, expires: nil) }
        return Stored(value: value, expires: clock.now.advanced(by: try Self.check(ttl)))
    }

    private func live(_ key: KvKey, in state: State) -> Stored? {
        guard let stored = state.entries[key] else { return nil }
        if let expires = stored.expires, expires <= clock.now { return nil }
        return stored
    }

    private func write(_ key: KvKey, _ stored: Stored?, in state: inout State) {
        state.entries[key] = stored
        state.writesUntilSweep -= 1
        if state.writesUntilSweep <= 0 {
            let now = clock.now
            state.entries = state.entries.filter { $0.value.expires.map { $0 > now } ?? true }
            state.writesUntilSweep = max(64, state.entries.count)
        }
    }
}

extension KvError {
    /// An operation was given a key of no components.
    package static let emptyKey = KvError(.emptyKey, "the key is empty; a key needs at least one component")
}
