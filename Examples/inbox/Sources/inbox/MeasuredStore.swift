import FedifyKv

/// A store that tells how long its operations take.
struct MeasuredStore: KvStore {
    private let store: any KvStore
    private let measurements: Measurements

    init(_ store: any KvStore, _ measurements: Measurements) {
        self.store = store
        self.measurements = measurements
    }

    func get(_ key: KvKey) async throws -> JSONValue? {
        try await measure("get") { try await store.get(key) }
    }

    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws {
        try await measure("set") { try await store.set(key, value, ttl: ttl) }
    }

    func delete(_ key: KvKey) async throws {
        try await measure("delete") { try await store.delete(key) }
    }

    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws -> Bool {
        try await measure("cas") { try await store.cas(key, expected: expected, new: new, ttl: ttl) }
    }

    func list(prefix: KvKey) -> KvEntries {
        store.list(prefix: prefix)
    }

    private func measure<T>(_ operation: String, _ body: () async throws -> T) async throws -> T {
        let begun = ContinuousClock.now
        defer { measurements.took(ContinuousClock.now - begun, operation) }
        return try await body()
    }
}
