import FedifyKv

extension KvStoreContract {
    /// Keys each of which some careless comparison takes for another one.
    private static let components: [[String]] = [
        ["a"], ["A"], ["a", "b"], ["a,b"], ["a\",\"b"], ["ab"], ["a "], [" a"], [""], ["", ""], ["\u{E9}"],
        ["e\u{301}"],
        ["ß"], ["ss"], ["%"], ["_"], ["\\"], ["\\\\"], ["\""], ["'"], ["`"], ["/"], ["\n"], ["\\n"], ["\u{0}"],
        ["\u{1f}"],
        ["\u{7f}"], ["\u{2028}"], ["😀"], ["😁"], ["[\"a\"]"], ["null"], ["1"], ["a", ""], ["a", "", "b"],
    ]

    func checkKeys(_ promises: Promises) async throws {
        let keys = Self.components.map { KvKey([root, "key"] + $0) }
        for (index, key) in keys.enumerated() { try await store.set(key, index) }
        for (index, key) in keys.enumerated() {
            promises.expect(
                "keys are different if their scalars are", try await store.get(key, as: Int.self), index)
        }
        for key in keys { try await store.delete(key) }

        await promises.refuses("an empty key is refused by get", .emptyKey) { _ = try await store.get([]) }
        await promises.refuses("an empty key is refused by set", .emptyKey) { try await store.set([], .null) }
        await promises.refuses("an empty key is refused by delete", .emptyKey) { try await store.delete([]) }
        await promises.refuses("an empty key is refused by cas", .emptyKey) {
            _ = try await store.cas([], expected: nil, new: .null)
        }

        guard let longestKey else { return }
        for filler in ["x", "é", "😀", "\""] {
            let room = longestKey - key("").serialized.unicodeScalars.count
            let width = filler == "\"" ? 2 : 1
            let longest = key(String(repeating: filler, count: room / width))
            let tooLong = key(String(repeating: filler, count: room / width + 1))
            try await store.set(longest, 1)
            promises.expect("the longest key is taken", try await store.get(longest, as: Int.self), 1)
            await promises.refuses("a longer key is refused by get", .keyTooLong) { _ = try await store.get(tooLong) }
            await promises.refuses("a longer key is refused by set", .keyTooLong) {
                try await store.set(tooLong, .null)
            }
            await promises.refuses("a longer key is refused by delete", .keyTooLong) { try await store.delete(tooLong) }
            await promises.refuses("a longer key is refused by cas", .keyTooLong) {
                _ = try await store.cas(tooLong, expected: nil, new: .null)
            }
            await promises.refuses("a longer key is refused by list", .keyTooLong) {
                for try await _ in store.list(prefix: tooLong) {}
            }
            try await store.delete(longest)
        }
    }
}
