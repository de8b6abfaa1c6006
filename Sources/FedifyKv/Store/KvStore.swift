/// A key–value store in the manner of Fedify's `KvStore`: get, set with a time to live, delete, compare-and-swap, and
/// listing by prefix.
///
/// Every operation throws ``KvError``: `emptyKey` for an empty key, `cancelled` if its task is cancelled, and what else
/// the store says. An expired entry is absent for every operation.
public protocol KvStore: Sendable {
    /// How typed values are encoded and decoded; `KvCoding.default` unless the store has another one.
    var coding: KvCoding { get }

    /// The value of a key, or nil if there is none. A stored JSON null is `JSONValue.null`, not nil.
    func get(_ key: KvKey) async throws(KvError) -> JSONValue?

    /// Stores a value.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - ttl: How long the entry lives, rounded up to a microsecond. nil: for ever, also where an expiry was set
    ///     before. Zero: not at all, as if deleted.
    /// - Throws: ``KvError`` `invalidTTL` for a negative ttl or one that ends after the year 9999.
    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError)

    /// Deletes an entry, if there is one.
    func delete(_ key: KvKey) async throws(KvError)

    /// Replaces `expected` by `new`, atomically.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The value that must be there, by JSON equality; nil: no entry.
    ///   - new: The value to store; nil: the entry is deleted.
    ///   - ttl: As in ``set(_:_:ttl:)``.
    /// - Returns: Whether the entry was equal to `expected`, and is now `new`.
    /// - Throws: ``KvError`` `outcomeUnknown` if the outcome is unknown.
    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool

    /// The entries whose keys begin with the prefix's components, the prefix itself included, in the order of the
    /// serialized keys' bytes. An empty prefix: all.
    ///
    /// It is not a snapshot: an entry that is there throughout comes exactly once; one that comes or goes in the
    /// meantime may or may not.
    func list(prefix: KvKey) -> KvEntries
}

extension KvStore {
    /// The default coding.
    public var coding: KvCoding { .default }

    /// Stores a value for ever: ``set(_:_:ttl:)`` with no ttl.
    public func set(_ key: KvKey, _ value: JSONValue) async throws(KvError) {
        try await set(key, value, ttl: nil)
    }

    /// ``cas(_:expected:new:ttl:)`` with no ttl.
    public func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?) async throws(KvError) -> Bool {
        try await cas(key, expected: expected, new: new, ttl: nil)
    }

    /// All entries.
    public func list() -> KvEntries {
        list(prefix: [])
    }
}
