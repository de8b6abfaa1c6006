import FedifyKv

extension KvStoreContract {
    /// JSON texts of every kind, each other than the one before it.
    private static let values = [
        "null", "true", "false", "0", "-0", "-1", "1.5", "-1.5", "0.1", "0.30000000000000004", "1e-7", "-0.0", "1e22",
        "1.7976931348623157e308", "2.2250738585072014e-308", "9007199254740992", "9007199254740993",
        "-9007199254740993", "9223372036854775806", "9223372036854775807", "-9223372036854775808",
        "18446744073709551614", "18446744073709551615",
        #""""#, #"" ""#, #""null""#, #""1""#, #""a\u0000b""#, #""\b\f\n\r\t\"\\\/""#, #""\u001f\u007f""#, #""%_'`""#,
        "\"\u{E9}\"", "\"e\u{301}\"", #""\u00e9\ud83d\ude00""#, "\"😀\u{2028}\u{2029}\u{7F}\"",
        "\"👩‍👩‍👧‍👦\u{FFFD}\u{10FFFF}\"",
        "[]", "[[]]", "{}", "[{}]", "[null]", "[[],{}]", "[1,2]", "[2,1]", " [ 1 , 2 , 3 ] ", #"{"":0}"#,
        #"{"a":1,"b":[true,{"c":null}]}"#, "{\"\u{E9}\":1,\"e\u{301}\":2}", #"{"a":1,"a":2}"#,
        String(repeating: "[", count: 30) + String(repeating: "]", count: 30),
        String(repeating: #"{"a":"#, count: 30) + "1" + String(repeating: "}", count: 30),
        "[" + (0..<1000).map { #"{"id":\#($0)}"# }.joined(separator: ",") + "]",
        "\"" + String(repeating: "é", count: 50_000) + "\"",
    ]

    func checkValues(_ recorder: ContractRecorder) async throws {
        let key = key("value")
        await recorder.expect("a key that was never set has no value", try await store.get(key), nil)
        for json in Self.values {
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
        for text in ["", " ", "{", "nul", "[1,]", "'a'", "NaN", "1 2", #"{"a":1,}"#, "{a:1}", "01", "\"\u{1}\"", "\"a"]
        {
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
