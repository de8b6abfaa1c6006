#if Hummingbird
    public import FedifyKv
    public import FedifyMySQL
    public import Hummingbird

    /// Hummingbird's persisted values, sessions among them, in a `MySQLKvStore`: they outlast a restart, and all
    /// processes on the table see them.
    ///
    /// ```swift
    /// let persist = MySQLPersistDriver(MySQLKvStore(pool))
    /// try await persist.create(key: "invitation", value: "Alice", expires: .seconds(3600))
    /// ```
    ///
    /// A value is an entry of the store like any other, under a prefix and as JSON. It ends by the server's clock, to
    /// the microsecond, and is gone at that moment for every operation. Beside Hummingbird's `PersistError`, operations
    /// throw `KvError`, as the store's own.
    ///
    /// The driver closes nothing: the pool is the caller's. As a service of an application it has nothing to do; the
    /// store removes expired rows.
    public struct MySQLPersistDriver: PersistDriver {
        private let kv: MySQLKvStore
        private let prefix: KvKey

        /// A driver on a store. Nothing is sent yet.
        ///
        /// - Parameters:
        ///   - kv: Where the values are kept.
        ///   - prefix: What the keys of all values begin with, so that they don't meet other entries of the table.
        public init(_ kv: MySQLKvStore, prefix: KvKey = ["hummingbird"]) {
            self.kv = kv
            self.prefix = prefix
        }

        /// Stores a value under a key that has none; an expired value counts as absent. Of any number of callers, in
        /// any number of processes, one succeeds.
        ///
        /// - Parameters:
        ///   - key: The key, without the prefix.
        ///   - value: The value.
        ///   - expires: How long it lives; nil: for ever. Zero or less: it has expired already.
        /// - Throws: `PersistError.duplicate` if there is a value; `KvError` `outcomeUnknown` if it is unknown
        ///   whether the value was stored, and else as the store's `cas`.
        public func create(key: String, value: some Codable & Sendable, expires: Duration?) async throws {
            let isNew = try await kv.cas(
                entry(key), expected: nil, new: JSONValue(encoding: value, coding: kv.coding),
                ttl: expires.map(Self.life))
            guard isNew else { throw PersistError.duplicate }
        }

        /// Stores a value, and replaces an existing one.
        ///
        /// Without `expires`, an existing value's expiry is kept. If the value has expired since it was read, there is
        /// none to keep, and the new value never expires. To prevent that, pass the remaining time, from
        /// ``getWithTTL(key:as:)``.
        ///
        /// - Parameters:
        ///   - key: The key, without the prefix.
        ///   - value: The value.
        ///   - expires: How long it lives; nil: as long as the value that is there, and without expiry if there is no
        ///     value. Zero or less: it has expired already.
        /// - Throws: As the store's `set`.
        public func set(key: String, value: some Codable & Sendable, expires: Duration?) async throws {
            let value = try JSONValue(encoding: value, coding: kv.coding)
            if let expires {
                try await kv.set(entry(key), value, ttl: Self.life(expires))
            } else {
                try await kv.setKeepingExpiry(entry(key), value)
            }
        }

        /// The value of a key.
        ///
        /// - Parameters:
        ///   - key: The key, without the prefix.
        ///   - type: What the value is to be.
        /// - Returns: The value; nil if there is none, or it has expired.
        /// - Throws: `PersistError.invalidConversion` if the value isn't of this type, and else as the store's `get`.
        public func get<Object: Codable & Sendable>(key: String, as type: Object.Type) async throws -> Object? {
            guard let value = try await kv.get(entry(key)) else { return nil }
            return try decode(value, as: type)
        }

        /// The value of a key, and its remaining ttl.
        ///
        /// - Parameters:
        ///   - key: The key, without the prefix.
        ///   - type: What the value is to be.
        /// - Returns: The value, and the time that it has left by the server's clock (nil: it never expires); nil if
        ///   there is no value, or it has expired.
        /// - Throws: `PersistError.invalidConversion` if the value isn't of this type, and else as the store's `get`.
        public func getWithTTL<Object: Codable & Sendable>(
            key: String, as type: Object.Type
        ) async throws -> (object: Object, ttl: Duration?)? {
            guard let found = try await kv.getWithTTL(entry(key)) else { return nil }
            return (try decode(found.value, as: type), found.ttl)
        }

        /// Removes the value of a key, if there is one.
        ///
        /// - Parameter key: The key, without the prefix.
        /// - Throws: As the store's `delete`.
        public func remove(key: String) async throws {
            try await kv.delete(entry(key))
        }

        private func entry(_ key: String) -> KvKey {
            prefix.appending(key)
        }

        /// An expiry in the past, which Hummingbird's in-memory driver accepts, is an error of the store.
        private static func life(_ expires: Duration) -> Duration {
            max(expires, .zero)
        }

        private func decode<Object: Decodable>(_ value: JSONValue, as type: Object.Type) throws -> Object {
            do {
                return try value.decode(as: type, coding: kv.coding)
            } catch {
                guard error.code == .decodingFailed else { throw error }
                throw PersistError.invalidConversion
            }
        }
    }
#endif
