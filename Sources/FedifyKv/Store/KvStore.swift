/// A key–value store in the manner of Fedify's `KvStore`: get, set with a time to live, delete, compare-and-swap, and
/// listing by prefix.
///
/// Every operation throws ``KvError``: `emptyKey` if the key has no components, `cancelled` if the task is cancelled, and
/// further errors that the store documents. Every operation treats an expired entry as absent.
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
    ///   - ttl: The entry's time to live, rounded up to a microsecond. nil: no expiry; one that was set before is
    ///     removed. Zero: the entry is absent immediately, as after ``delete(_:)``.
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
    /// It is not a snapshot: an entry that exists all the time is returned exactly once; one that is added or removed
    /// during the listing may or may not be returned.
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
