// A store of one's own: here one that counts what it is asked.

import FedifyKv
import Synchronization

// snippet.store
/// Counts the reads of another store.
final class CountingStore: KvStore {
    private let store: any KvStore
    private let count = Atomic(0)

    init(_ store: any KvStore) {
        self.store = store
    }

    var reads: Int { count.load(ordering: .relaxed) }

    var coding: KvCoding { store.coding }

    func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
        count.add(1, ordering: .relaxed)
        return try await store.get(key)
    }

    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
        try await store.set(key, value, ttl: ttl)
    }

    func delete(_ key: KvKey) async throws(KvError) {
        try await store.delete(key)
    }

    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
        try await store.cas(key, expected: expected, new: new, ttl: ttl)
    }

    func list(prefix: KvKey) -> KvEntries {
        store.list(prefix: prefix)
    }
}
// snippet.end

// snippet.check
import FedifyKvTesting

try await KvStoreContract(of: CountingStore(MemoryKvStore())).check()
// snippet.end
