import FedifyKv

extension KvStoreContract {
    func checkValues(_ recorder: ContractRecorder) async throws {
        let key = key("value")
        await recorder.expect("a key that was never set has no value", try await store.get(key), nil)
        for json in JSONSamples.valid {
            let value = try JSONValue(json: json)
            await recorder.expect("what is read is equal to what was written", try await stored(key, value), value)
        }
        await recorder.expect("a stored null is a value, not absence", try await stored(key, .null), JSONValue.null)
        try await store.delete(key)
        await recorder.expect("a key that was deleted has no value", try await store.get(key), nil)
        await recorder.succeeds("deleting what isn't there does nothing") { try await store.delete(key) }
    }

    func checkInvalidValues(_ recorder: ContractRecorder) async throws {
        let (key, absent) = (key("invalid"), key("invalid", "absent"))
        let one = JSONValue(uncheckedJSON: "1")
        try await store.set(key, one)
        for text in JSONSamples.invalid {
            let invalid = JSONValue(uncheckedJSON: text)
            await recorder.refuses("a value that isn't JSON is refused by set", .invalidValue) {
                try await store.set(key, invalid)
            }
            await recorder.refuses("a value that isn't JSON is refused by cas", .invalidValue) {
                _ = try await store.cas(key, expected: one, new: invalid)
            }
            await recorder.refuses("a value that isn't JSON is refused by cas", .invalidValue) {
                _ = try await store.cas(absent, expected: nil, new: invalid)
            }
        }
        await recorder.refuses("NaN is refused", .invalidValue) { try await store.set(key, Double.nan) }
        await recorder.refuses("infinity is refused", .invalidValue) { try await store.set(key, Double.infinity) }
        await recorder.expect("a refused value changes nothing", try await store.get(key), one)
        await recorder.expect("a refused value changes nothing", try await store.get(absent), nil)
    }

    func checkTypedValues(_ recorder: ContractRecorder) async throws {
        struct Profile: Codable, Equatable {
            var name: String
            var age: UInt64?
        }
        let key = key("typed")
        let profile = Profile(name: "Zoë \"😀\"", age: .max)
        try await store.set(key, profile)
        await recorder.expect(
            "a typed value is read as it was written", try await store.get(key, as: Profile.self), profile)
        await recorder.refuses("a value of another shape does not decode", .decodingFailed) {
            _ = try await store.get(key, as: [Int].self)
        }
        await recorder.expect(
            "a typed cas compares as JSON", try await store.cas(key, expected: profile, new: Profile(name: "B")), true)
        try await store.set(key, String?.none)
        await recorder.expect(
            "a stored null is some nil for a typed get of an optional", try await store.get(key, as: String?.self),
            .some(nil))
        await recorder.refuses("a stored null does not decode as what has no null", .decodingFailed) {
            _ = try await store.get(key, as: String.self)
        }
        await recorder.expect(
            "a typed null is what a typed cas expects",
            try await store.cas(key, expected: .some(String?.none), new: .some("a")), true)
        try await store.delete(key)
        await recorder.expect(
            "absence is not the null that a typed cas expects",
            try await store.cas(key, expected: .some(String?.none), new: .some("a")), false)
        await recorder.expect("absence is nil for a typed get", try await store.get(key, as: String?.self), nil)
    }
}
