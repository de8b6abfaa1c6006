/// A key–value store in the manner of Fedify's `KvStore`: get, set with a time to live, delete, compare-and-swap, and
/// listing by prefix.
///
/// Every operation throws ``KvError`` (`emptyKey` for an empty key; what else, the store says), and may throw
/// `CancellationError` when its task is cancelled. An expired entry is absent for every operation.
public protocol KvStore: Sendable {
    /// The value of a key, or nil if there is none. A stored JSON null is ``JSONValue/null``, not nil.
    func get(_ key: KvKey) async throws -> JSONValue?

    /// Stores a value.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - ttl: How long the entry lives, rounded up to a microsecond. nil: for ever, also where an expiry was set
    ///     before. Zero: not at all, as if deleted.
    /// - Throws: ``KvError`` `invalidTTL` for a negative ttl or one that ends past the year 9999.
    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws

    /// Deletes an entry, if there is one.
    func delete(_ key: KvKey) async throws

    /// Puts `new` in the place of `expected`, in one step that no other operation comes between.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: What must be there, by JSON equality; nil: nothing.
    ///   - new: What is to be there; nil: nothing.
    ///   - ttl: As in ``set(_:_:ttl:)``.
    /// - Returns: Whether the entry was equal to `expected`, and is now `new`.
    /// - Throws: ``KvError`` `outcomeUnknown` if it can't be known whether the swap took place.
    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws -> Bool

    /// The entries whose keys begin with the prefix's components, the prefix itself included, in the order of the
    /// serialized keys' bytes. An empty prefix: all.
    ///
    /// It is no snapshot: an entry that is there throughout comes exactly once; one that comes or goes meanwhile may
    /// or may not.
    func list(prefix: KvKey) -> KvEntries
}

extension KvStore {
    /// Stores a value for ever: ``set(_:_:ttl:)`` with no ttl.
    public func set(_ key: KvKey, _ value: JSONValue) async throws {
        try await set(key, value, ttl: nil)
    }

    /// ``cas(_:expected:new:ttl:)`` with no ttl.
    public func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?) async throws -> Bool {
        try await cas(key, expected: expected, new: new, ttl: nil)
    }

    /// All entries.
    public func list() -> KvEntries {
        list(prefix: [])
    }
}
