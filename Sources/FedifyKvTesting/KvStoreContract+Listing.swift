import FedifyKv
import Synchronization

extension KvStoreContract {
    func checkListing(_ promises: Promises) async throws {
        promises.expect("below a prefix without entries is nothing", try await listed(key("list")), [])
        let below: [[String]] = [
            [], ["a"], ["a", "b"], ["a", "b", "c"], ["ab"], ["a\u{1}"], ["%"], ["x%"], ["_"], ["x_"], ["\\"],
            ["\\", "x"], ["\""],
            ["\"", "x"], ["'"], ["\u{E9}"], ["e\u{301}"], ["é", "x"], ["😀"], ["Z"], ["z"], [""], ["", ""],
        ]
        let keys = below.map { KvKey([root, "list"] + $0) }
        for key in keys { try await store.set(key, key.components.count) }
        try await store.set(key("list", "expired"), 1, ttl: .zero)
        try await store.set(key("list2"), 1)
        for prefix in keys {
            promises.expect(
                "a listing has the keys that begin with the prefix's components, by the bytes of the serialized key",
                try await listed(prefix), keys.filter { $0.hasPrefix(prefix) }.sorted())
        }
        for try await entry in store.list(prefix: key("list")) {
            promises.expect(
                "a listing has the entries' values", try entry.value.decode(as: Int.self), entry.key.components.count)
        }
        let own = try await listed([]).filter { $0.hasPrefix(key("list")) }
        promises.expect("a listing without a prefix has everything", own, keys.sorted())

        let twice = store.list(prefix: key("list", "a"))
        for _ in 0..<2 {
            var count = 0
            for try await _ in twice { count += 1 }
            promises.expect("a listing can be walked twice", count, 3)
        }

        try await checkLongListing(promises)
    }

    /// Several pages, while other entries come and go.
    private func checkLongListing(_ promises: Promises) async throws {
        let staying = (0..<1200).map { key("long", "\($0)", "stays") }
        try await withThrowingTaskGroup { group in
            for chunk in stride(from: 0, to: staying.count, by: 150) {
                group.addTask {
                    for key in staying[chunk..<chunk + 150] { try await store.set(key, .null) }
                }
            }
            try await group.waitForAll()
        }
        let stop = Flag()
        let seen = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !stop.isSet {
                    for index in stride(from: 0, to: 1200, by: 100) {
                        try await store.set(key("long", "\(index)", "comes"), .null)
                        try await store.delete(key("long", "\(index)", "comes"))
                    }
                }
            }
            defer { stop.set() }
            return try await listed(key("long")).filter { $0.components.last == "stays" }
        }
        promises.expect("an entry that is there throughout is listed exactly once, in order", seen, staying.sorted())
        for try await _ in store.list(prefix: key("long")) { break }
        try await withThrowingTaskGroup { group in
            for chunk in stride(from: 0, to: staying.count, by: 150) {
                group.addTask { for key in staying[chunk..<chunk + 150] { try await store.delete(key) } }
            }
            try await group.waitForAll()
        }
        promises.expect("what was deleted is listed no more", try await listed(key("long")).isEmpty, true)
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
