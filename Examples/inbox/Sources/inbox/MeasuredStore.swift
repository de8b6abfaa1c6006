import FedifyKv

/// A store that measures its operations.
struct MeasuredStore: KvStore {
    private let store: any KvStore
    private let measurements: Measurements

    init(_ store: any KvStore, _ measurements: Measurements) {
        self.store = store
        self.measurements = measurements
    }

    var coding: KvCoding { store.coding }

    func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
        try await measure("get") { () throws(KvError) in try await store.get(key) }
    }

    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
        try await measure("set") { () throws(KvError) in try await store.set(key, value, ttl: ttl) }
    }

    func delete(_ key: KvKey) async throws(KvError) {
        try await measure("delete") { () throws(KvError) in try await store.delete(key) }
    }

    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
        try await measure("cas") { () throws(KvError) in
            try await store.cas(key, expected: expected, new: new, ttl: ttl)
        }
    }

    func list(prefix: KvKey) -> KvEntries {
        store.list(prefix: prefix)
    }

    private func measure<T>(
        _ operation: String, _ body: () async throws(KvError) -> T
    ) async throws(KvError) -> T {
        let begun = ContinuousClock.now
        defer { measurements.took(ContinuousClock.now - begun, operation) }
        return try await body()
    }
}
