extension KvStore {
    /// The value of a key as a type, or nil if there is none. It is decoded by the store's ``coding``.
    ///
    /// `T` may be an optional: a stored JSON null is then `.some(nil)`, and only absence is nil.
    ///
    /// - Throws: ``KvError`` `decodingFailed` if the stored value doesn't decode as `T`.
    public func get<T: Decodable>(_ key: KvKey, as type: T.Type) async throws(KvError) -> T? {
        guard let value = try await get(key) else { return nil }
        return try .some(value.decode(as: type, coding: coding))
    }

    /// Stores a value, encoded as JSON by the store's ``coding``. A `nil` is stored as JSON null.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - ttl: How long the entry lives; nil: for ever.
    /// - Throws: ``KvError`` `invalidValue` if the value can't be written as JSON.
    public func set(_ key: KvKey, _ value: some Encodable, ttl: Duration? = nil) async throws(KvError) {
        try await set(key, JSONValue(encoding: value, coding: coding), ttl: ttl)
    }

    /// Replaces `expected` by `new`, both encoded as JSON by the store's ``coding``; nil stands for absence.
    ///
    /// - Returns: Whether the entry was equal to `expected`, and is now `new`.
    /// - Throws: ``KvError`` `invalidValue` if a value can't be written as JSON, `outcomeUnknown` if the outcome is
    ///   unknown.
    public func cas<T: Encodable>(
        _ key: KvKey, expected: T?, new: T?, ttl: Duration? = nil
    ) async throws(KvError) -> Bool {
        try await casEncoded(key, expected, new, ttl)
    }

    /// As `cas(_:expected:new:ttl:)`, with values of two types.
    public func cas<Expected: Encodable, New: Encodable>(
        _ key: KvKey, expected: Expected?, new: New?, ttl: Duration? = nil
    ) async throws(KvError) -> Bool {
        try await casEncoded(key, expected, new, ttl)
    }

    private func casEncoded<Expected: Encodable, New: Encodable>(
        _ key: KvKey, _ expected: Expected?, _ new: New?, _ ttl: Duration?
    ) async throws(KvError) -> Bool {
        let coding = coding
        return try await cas(
            key,
            expected: expected.map { value throws(KvError) in try JSONValue(encoding: value, coding: coding) },
            new: new.map { value throws(KvError) in try JSONValue(encoding: value, coding: coding) },
            ttl: ttl
        )
    }
}
