import FedifyKv

extension KvStoreContract {
    /// JSON texts of every kind, each other than all before it.
    private static let values = [
        "null", "true", "false", "0", "-1", "1.5", "1e-7", "9007199254740992", "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808", "18446744073709551615", "\"\"", "\"null\"", "\"1\"", "\"a\\u0000b\"",
        "\"\\n\\t\\\"\\\\\"",
        "\"\u{E9}\"", "\"e\u{301}\"", "\"😀\u{2028}\"", "[]", "{}", "[null]", "[[],{}]", "[1,2]", "[2,1]",
        "{\"a\":1,\"b\":[true,{\"c\":null}]}", "{\"\":0}",
        String(repeating: "[", count: 30) + String(repeating: "]", count: 30),
        "\"" + String(repeating: "x", count: 100_000) + "\"",
    ]

    func checkValues(_ promises: Promises) async throws {
        let key = key("value")
        promises.expect("a key that was never set has no value", try await store.get(key), nil)
        for json in Self.values {
            let value = try KvValue(json: json)
            try await store.set(key, value)
            promises.expect("what is read is equal to what was written", try await store.get(key), value)
        }
        try await store.set(key, .null)
        promises.expect("a stored null is a value, not absence", try await store.get(key), KvValue.null)
        try await store.delete(key)
        promises.expect("a key that was deleted has no value", try await store.get(key), nil)
        try await store.delete(key)
        promises.expect("deleting what isn't there does nothing", try await store.get(key), nil)

        try await store.set(key, KvValue(trusted: "1"))
        for text in ["", "{", "nul", "[1,]", "'a'", "NaN", "1 2", "{\"a\":1,}", "01", "\"\u{1}\""] {
            await promises.refuses("a value that isn't JSON is refused by set", .invalidValue) {
                try await store.set(key, KvValue(trusted: text))
            }
            await promises.refuses("a value that isn't JSON is refused by cas", .invalidValue) {
                _ = try await store.cas(key, expected: KvValue(trusted: "1"), new: KvValue(trusted: text))
            }
        }
        await promises.refuses("NaN is refused", .invalidValue) { try await store.set(key, Double.nan) }
        await promises.refuses("infinity is refused", .invalidValue) { try await store.set(key, Double.infinity) }
        promises.expect("a refused value changes nothing", try await store.get(key), KvValue(trusted: "1"))
    }

    func checkTyped(_ promises: Promises) async throws {
        struct Profile: Codable, Equatable {
            var name: String
            var age: UInt64?
        }
        let key = key("typed")
        let profile = Profile(name: "Zoë \"😀\"", age: .max)
        try await store.set(key, profile)
        promises.expect("a typed value is read as it was written", try await store.get(key, as: Profile.self), profile)
        await promises.refuses("a value of another shape does not decode", .decodingFailed) {
            _ = try await store.get(key, as: [Int].self)
        }
        let swapped = try await store.cas(key, expected: profile, new: Profile(name: "B"))
        promises.expect("a typed cas compares as JSON", swapped, true)
        try await store.set(key, String?.none)
        promises.expect(
            "a stored null is some nil for a typed get of an optional", try await store.get(key, as: String?.self),
            .some(nil))
        await promises.refuses("a stored null does not decode as what has no null", .decodingFailed) {
            _ = try await store.get(key, as: String.self)
        }
        try await store.delete(key)
        promises.expect("absence is nil for a typed get", try await store.get(key, as: String?.self), nil)
    }
}
