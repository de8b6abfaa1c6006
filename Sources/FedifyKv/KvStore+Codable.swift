extension KvStore {
    /// The value of a key as a type, or nil if there is none.
    ///
    /// `T` may be an optional: a stored JSON null is then `.some(nil)`, and only absence is nil.
    ///
    /// - Throws: ``KvError`` `decodingFailed` if the stored value doesn't decode as `T`.
    public func get<T: Decodable>(_ key: KvKey, as type: T.Type) async throws -> T? {
        guard let value = try await get(key) else { return nil }
        return try .some(value.decode(as: type))
    }

    /// Stores a value, encoded as JSON. A `nil` is stored as JSON null.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - ttl: How long the entry lives; nil: for ever.
    /// - Throws: ``KvError`` `invalidValue` if the value can't be written as JSON.
    public func set(_ key: KvKey, _ value: some Encodable, ttl: Duration? = nil) async throws {
        try await set(key, JSONValue(encoding: value), ttl: ttl)
    }

    /// Puts `new` in the place of `expected`, both encoded as JSON; nil stands for absence.
    ///
    /// - Returns: Whether the entry was equal to `expected`, and is now `new`.
    public func cas<T: Encodable>(
        _ key: KvKey, expected: T?, new: T?, ttl: Duration? = nil
    ) async throws -> Bool {
        try await cas(
            key,
            expected: expected.map { value throws(KvError) in try JSONValue(encoding: value) },
            new: new.map { value throws(KvError) in try JSONValue(encoding: value) },
            ttl: ttl
        )
    }
}
