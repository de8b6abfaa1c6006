import FedifyKv

extension KvStoreContract {
    /// Keys each of which some careless comparison takes for another one.
    private static let components: [[String]] = [
        ["a"], ["A"], ["a", "b"], ["a,b"], ["a\",\"b"], ["ab"], ["a "], [" a"], ["a\t"], [""], ["", ""], ["a", ""],
        ["a", "", "b"], ["\u{E9}"], ["e\u{301}"], ["e"], ["É"], ["ß"], ["ss"], ["İ"], ["i"], ["%"], ["%%"], ["_"],
        ["*"], ["?"], ["\\"], ["\\\\"], ["\""], ["\\\""], ["'"], ["''"], ["`"], ["/"], ["\n"], ["\\n"], ["\r\n"],
        ["\u{0}"], ["\\u0000"], ["\u{1f}"], ["\\u001f"], ["\u{7f}"], ["\u{80}"], ["\u{2028}"], ["\u{FEFF}"], ["😀"],
        ["😁"], ["\u{FFFD}"], ["[\"a\"]"], ["null"], ["1"], ["1.0"], ["ａ"], ["a\u{200D}"],
        (0..<0x20).map { String(UnicodeScalar($0)) },
    ]

    func checkKeys(_ recorder: ContractRecorder) async throws {
        let keys = Self.components.map { KvKey([root, "key"] + $0) }
        for (index, key) in keys.enumerated() {
            if index.isMultiple(of: 2) {
                try await store.set(key, index)
            } else {
                await recorder.expect(
                    "keys are different for a cas if their scalars are",
                    try await store.cas(key, expected: nil, new: index), true)
            }
        }
        for (index, key) in keys.enumerated() {
            await recorder.expect(
                "keys are different if their scalars are", try await store.get(key, as: Int.self), index)
        }
        await recorder.expect(
            "keys are listed as they were written", try await listed(key("key")), keys.sorted())
        for index in stride(from: 0, to: keys.count, by: 2) { try await store.delete(keys[index]) }
        let left = keys.indices.filter { !$0.isMultiple(of: 2) }.map { keys[$0] }
        await recorder.expect(
            "a delete leaves other keys alone", try await listed(key("key")), left.sorted())
    }

    func checkEmptyKey(_ recorder: ContractRecorder) async throws {
        let null = JSONValue.null
        await recorder.refuses("an empty key is refused by get", .emptyKey) { _ = try await store.get([]) }
        await recorder.refuses("an empty key is refused by set", .emptyKey) { try await store.set([], null) }
        await recorder.refuses("an empty key is refused by delete", .emptyKey) { try await store.delete([]) }
        for (expected, new) in [(nil, null), (null, nil), (null, null), (nil, nil)] as [(JSONValue?, JSONValue?)] {
            await recorder.refuses("an empty key is refused by cas", .emptyKey) {
                _ = try await store.cas([], expected: expected, new: new)
            }
        }
    }

    func checkLongestKey(_ recorder: ContractRecorder) async throws {
        guard let maximumKeyLength else { return }
        for filler in ["x", "é", "😀", "\""] {
            let room = maximumKeyLength - key("").serialized.unicodeScalars.count
            let width = filler == "\"" ? 2 : 1
            let longest = key(String(repeating: filler, count: room / width))
            let tooLong = key(String(repeating: filler, count: room / width + 1))
            await recorder.expect(
                "the longest key is taken by cas", try await store.cas(longest, expected: nil, new: 1), true)
            await recorder.expect("the longest key is taken by list", try await listed(longest), [longest])
            try await store.set(longest, 2)
            await recorder.expect("the longest key is taken by set", try await store.get(longest, as: Int.self), 2)
            try await store.delete(longest)
            await recorder.expect("the longest key is taken by delete", try await store.get(longest), nil)

            await recorder.refuses("a longer key is refused by get", .keyTooLong) { _ = try await store.get(tooLong) }
            await recorder.refuses("a longer key is refused by set", .keyTooLong) {
                try await store.set(tooLong, .null)
            }
            await recorder.refuses("a longer key is refused by delete", .keyTooLong) { try await store.delete(tooLong) }
            await recorder.refuses("a longer key is refused by cas", .keyTooLong) {
                _ = try await store.cas(tooLong, expected: nil, new: .null)
            }
            await recorder.refuses("a longer key is refused by list", .keyTooLong) { _ = try await listed(tooLong) }
        }
    }
}
