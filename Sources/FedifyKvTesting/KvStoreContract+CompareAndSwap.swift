import FedifyKv

extension KvStoreContract {
    /// Texts that are equal as JSON.
    private static let equal = [
        (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#), ("1", "1.0"), ("100", "1e2"), ("1", "10e-1"), ("0", "-0.0"),
        ("0", "-0"),
        ("0.1", "0.10"), (#""\u00e9""#, "\"é\""), (#""a\/b""#, #""a/b""#),
        (#""\ud83d\ude00""#, "\"😀\""), (#""\u000A""#, #""\n""#), (#"{"a":1,"a":2}"#, #"{"a":2}"#),
        (" [ 1 , 2 ] ", "[1,2]"), (#"{"\u0061":null}"#, #"{"a":null}"#),
        (#"[{"x":[1.0,{"b":"\u00e9","a":null}]}]"#, "[{\"x\":[1,{\"a\":null,\"b\":\"é\"}]}]"),
    ]
    /// Texts that are not.
    private static let different = [
        ("9007199254740992", "9007199254740993"), ("18446744073709551615", "18446744073709551614"),
        ("9223372036854775807", "9223372036854775806"), ("-1", "18446744073709551615"), ("1", "-1"),
        ("0.1", "0.10000000000000002"), (#""1""#, "1"), ("null", "false"), ("null", #""null""#), ("null", "[]"),
        ("[1,2]", "[2,1]"), ("[1]", "[1,1]"), ("[1]", "1"), ("{}", "[]"), (#"{"a":1}"#, #"{"a":1,"b":1}"#),
        (#"{"a":1}"#, #"{"A":1}"#), (#"{"a":1,"a":2}"#, #"{"a":1}"#), (#""a""#, #""A""#),
        ("\"\u{E9}\"", "\"e\u{301}\""),
        ("\"é\"", "\"e\""), (#""a""#, #""a ""#), (#""a\u0000""#, #""a""#), (#"{"a":null}"#, "{}"), ("0", "false"),
        ("1", "true"), (#""""#, "null"), (#""[1]""#, "[1]"), ("[[1]]", "[1]"),
        (#"{"x":[1,{"b":1}]}"#, #"{"x":[1,{"b":2}]}"#),
    ]

    func checkCompareAndSwap(_ recorder: ContractRecorder) async throws {
        let key = key("cas")
        let (one, two) = (JSONValue(uncheckedJSON: "1"), JSONValue(uncheckedJSON: "2"))
        func cas(_ expected: JSONValue?, _ new: JSONValue?) async throws -> Bool {
            try await store.cas(key, expected: expected, new: new)
        }
        await recorder.expect("absent for absent is swapped", try await cas(nil, nil), true)
        await recorder.expect("a value for an absent one is not", try await cas(one, two), false)
        await recorder.expect("null for an absent one is not", try await cas(.null, two), false)
        await recorder.expect("absence for a value that is absent is not", try await cas(one, nil), false)
        await recorder.expect("absence for a null that is absent is not", try await cas(.null, nil), false)
        await recorder.expect("a cas that loses stores nothing", try await store.get(key), nil)
        await recorder.expect("absent is swapped for a value", try await cas(nil, one), true)
        await recorder.expect("a cas that wins stores its value", try await store.get(key), one)
        await recorder.expect("absent for a value that is there is not swapped", try await cas(nil, two), false)
        await recorder.expect("absent for absent is not swapped where a value is", try await cas(nil, nil), false)
        await recorder.expect("another value is not swapped", try await cas(two, .null), false)
        await recorder.expect("another value is not swapped for absence", try await cas(two, nil), false)
        await recorder.expect("null is not swapped where a value is", try await cas(.null, nil), false)
        await recorder.expect("a cas that loses changes nothing", try await store.get(key), one)
        await recorder.expect("a value is swapped for itself", try await cas(one, one), true)
        await recorder.expect("a value is swapped", try await cas(one, two), true)
        await recorder.expect("a cas that wins stores its value", try await store.get(key), two)
        await recorder.expect("a value is swapped for absence", try await cas(two, nil), true)
        await recorder.expect("a cas to absence deletes", try await store.get(key), nil)
        await recorder.expect("absent is swapped for null", try await cas(nil, .null), true)
        await recorder.expect("a stored null is not absence for a cas", try await cas(nil, one), false)
        await recorder.expect("null is swapped for itself", try await cas(.null, .null), true)
        await recorder.expect("null is swapped", try await cas(.null, one), true)
        await recorder.expect("a cas that wins stores its value", try await store.get(key), one)
    }

    func checkEquality(_ recorder: ContractRecorder) async throws {
        let key = key("equality")
        let swapped = JSONValue(uncheckedJSON: "\"swapped\"")
        func check(_ stored: String, _ expected: String, areEqual: Bool) async throws {
            try await store.set(key, JSONValue(uncheckedJSON: stored))
            await recorder.expect(
                "cas takes \(expected) for \(areEqual ? "equal to" : "different from") \(stored)",
                try await store.cas(key, expected: JSONValue(uncheckedJSON: expected), new: swapped), areEqual)
            await recorder.expect(
                "the entry after a cas is as it said",
                try await store.get(key), areEqual ? swapped : JSONValue(uncheckedJSON: stored))
        }
        for (left, right) in Self.equal {
            try await check(left, right, areEqual: true)
            try await check(right, left, areEqual: true)
        }
        for (left, right) in Self.different {
            try await check(left, right, areEqual: false)
            try await check(right, left, areEqual: false)
        }
    }
}
