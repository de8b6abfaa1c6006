import FedifyKv
import FedifyKvBench
import Synchronization
import Testing

/// Writing the present value costs a server nothing, so no workload may do that.
@Suite struct WrittenValuesTests {
    /// Counts the writes that changed nothing.
    private final class Recorder: KvStore {
        private let store = MemoryKvStore()
        private let written = Mutex<[KvKey: Set<String>]>([:])
        private let seen = Mutex((writes: 0, repeated: 0))

        var writes: Int { seen.withLock { $0.writes } }
        var repeated: Int { seen.withLock { $0.repeated } }

        private func record(_ key: KvKey, _ value: JSONValue) {
            let isNew = written.withLock { $0[key, default: []].insert(value.json).inserted }
            seen.withLock {
                $0.writes += 1
                if !isNew { $0.repeated += 1 }
            }
        }

        func get(_ key: KvKey) async throws(KvError) -> JSONValue? { try await store.get(key) }

        func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
            record(key, value)
            try await store.set(key, value, ttl: ttl)
        }

        func delete(_ key: KvKey) async throws(KvError) { try await store.delete(key) }

        func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
            if let new { record(key, new) }
            return try await store.cas(key, expected: expected, new: new, ttl: ttl)
        }

        func list(prefix: KvKey) -> KvEntries { store.list(prefix: prefix) }
    }

    @Test(arguments: [Workload.set, .setTTL, .cas])
    func warmUpAndMeasurementsWriteNoValueTwice(_ workload: Workload) async throws {
        let store = Recorder()
        var rows = Rows()
        (rows.documents, rows.expiring, rows.swapped) = (10, 10, 1)
        for (entries, ttl) in rows.chunks {
            for entry in entries { try await store.set(entry.key, entry.value, ttl: ttl) }
        }
        let loaded = store.writes
        for _ in 0..<2 {
            _ = try await BenchmarkResult.of(
                workload, on: store, rows: rows, callers: 1, warmUp: .milliseconds(20), duration: .milliseconds(20))
        }
        #expect(store.writes > loaded + 20)
        #expect(store.repeated == 0)
    }
}
