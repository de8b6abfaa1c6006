import FedifyKv
import Synchronization

extension KvStoreContract {
    func checkListing(_ recorder: ContractRecorder) async throws {
        await recorder.expect("below a prefix without entries is nothing", try await listed(key("list")), [])
        let below: [[String]] = [
            [], ["a"], ["a", "b"], ["a", "b", "c"], ["ab"], ["a\u{1}"], ["A"], ["a "], ["%"], ["x%"], ["_"], ["x_"],
            ["\\"], ["\\", "x"], ["\\\\"], ["\""], ["\"", "x"], ["\",\""], ["'"], ["\u{E9}"], ["e\u{301}"], ["é", "x"],
            ["😀"], ["\u{FFFD}"], ["Z"], ["z"], [""], ["", ""],
        ]
        let keys = below.map { KvKey([root, "list"] + $0) }
        for (index, key) in keys.enumerated() { try await store.set(key, index) }
        try await store.set(key("list", "expired"), 1, ttl: .zero)
        try await store.set(key("list2"), 1)
        for prefix in keys {
            let expected = keys.filter { $0.hasPrefix(prefix) }.sorted()
            let seen = try await listed(prefix)
            await recorder.expect(
                "a listing has the keys that begin with the prefix's components", seen.sorted(), expected)
            await recorder.expect("a listing is ordered by the bytes of the serialized keys", seen, seen.sorted())
        }
        for prefix in [key("list", "absent"), key("list", "a", ""), key("lis"), key("list", "a", "b", "c", "d")] {
            await recorder.expect("below a prefix without entries is nothing", try await listed(prefix), [])
        }
        for try await entry in store.list(prefix: key("list")) {
            await recorder.expect(
                "a listing has the entries' values", try keys[entry.value.decode(as: Int.self)], entry.key)
        }
        let own = try await listed([]).filter { $0.hasPrefix(key("list")) }
        await recorder.expect("a listing without a prefix has everything", own, keys.sorted())
        try await checkIterations(store.list(prefix: key("list", "a")), recorder)
    }

    /// Each iteration starts afresh.
    private func checkIterations(_ entries: KvEntries, _ recorder: ContractRecorder) async throws {
        let expected = [key("list", "a", "b", "c"), key("list", "a", "b"), key("list", "a")]
        for try await entry in entries {
            await recorder.expect("the first entry of a listing comes first", entry.key, expected[0])
            break
        }
        for _ in 0..<2 {
            var seen: [KvKey] = []
            for try await entry in entries { seen.append(entry.key) }
            await recorder.expect("a listing can be walked again", seen, expected)
        }
        var (one, other) = (entries.makeAsyncIterator(), entries.makeAsyncIterator())
        for key in expected {
            for seen in [try await one.next()?.key, try await other.next()?.key] {
                await recorder.expect("two walks do not disturb each other", seen, key)
            }
        }
    }

    /// Several pages, while other entries come and go.
    func checkLongListing(_ recorder: ContractRecorder) async throws {
        let staying = (0..<1200).map { key("long", "\($0)", "stays") }
        let leaving = stride(from: 0, to: 1200, by: 20).map { key("long", "\($0)", "leaves") }
        try await forEach(staying + leaving) { key in try await store.set(key, .null) }
        let stop = Flag()
        let seen = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for key in leaving { try await store.delete(key) }
            }
            group.addTask {
                while !stop.isSet {
                    for index in stride(from: 0, to: 1200, by: 100) {
                        try await store.set(key("long", "\(index)", "comes"), .null)
                        try await store.delete(key("long", "\(index)", "comes"))
                    }
                }
            }
            defer { stop.set() }
            return try await listed(key("long"))
        }
        await recorder.expect("no entry is listed twice", seen.count, Set(seen).count)
        await recorder.expect(
            "an entry that is there throughout is listed exactly once, in order",
            seen.filter { $0.components().last == "stays" }, staying.sorted())

        // A listing need not be read to its end, and what it yields may be deleted on the way.
        var count = 0
        for try await _ in store.list(prefix: key("long")) {
            count += 1
            if count == 700 { break }
        }
        await recorder.expect("a listing can be left early", count, 700)
        for try await entry in store.list(prefix: key("long")) { try await store.delete(entry.key) }
        await recorder.expect("what is listed can be deleted on the way", try await listed(key("long")), [])
    }

    /// Several at once, for a store that is far away.
    private func forEach(_ keys: [KvKey], do operation: @escaping @Sendable (KvKey) async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            for chunk in stride(from: 0, to: keys.count, by: 150) {
                group.addTask { for key in keys[chunk...].prefix(150) { try await operation(key) } }
            }
            try await group.waitForAll()
        }
    }
}

/// Tells a task to end after what it is about.
private final class Flag: Sendable {
    private let state = Atomic(false)

    var isSet: Bool { state.load(ordering: .relaxed) }

    func set() {
        state.store(true, ordering: .relaxed)
    }
}
