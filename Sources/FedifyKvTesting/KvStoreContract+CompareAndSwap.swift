import FedifyKv

extension KvStoreContract {
    /// Texts that are equal as JSON.
    private static let equal = [
        ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"), ("1", "1.0"), ("100", "1e2"), ("0", "-0.0"), ("0.1", "0.10"),
        ("\"\\u00e9\"", "\"é\""), ("\"a\\/b\"", "\"a/b\""), ("\"\\ud83d\\ude00\"", "\"😀\""),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"), (" [ 1 , 2 ] ", "[1,2]"), ("{\"\\u0061\":null}", "{\"a\":null}"),
    ]
    /// Texts that are not.
    private static let different = [
        ("9007199254740992", "9007199254740993"), ("18446744073709551615", "18446744073709551614"),
        ("9223372036854775807", "9223372036854775806"), ("\"1\"", "1"), ("null", "false"), ("null", "\"null\""),
        ("[1,2]", "[2,1]"), ("[1]", "[1,1]"), ("{}", "[]"), ("{\"a\":1}", "{\"a\":1,\"b\":1}"), ("\"a\"", "\"A\""),
        ("\"\u{E9}\"", "\"e\u{301}\""), ("\"a\"", "\"a \""), ("{\"a\":null}", "{}"), ("0", "false"), ("\"\"", "null"),
    ]

    func checkCompareAndSwap(_ promises: Promises) async throws {
        let key = key("cas")
        let (one, two) = (KvValue(trusted: "1"), KvValue(trusted: "2"))
        func cas(_ expected: KvValue?, _ new: KvValue?) async throws -> Bool {
            try await store.cas(key, expected: expected, new: new)
        }
        promises.expect("absent for absent is swapped", try await cas(nil, nil), true)
        promises.expect("a value for an absent one is not", try await cas(one, two), false)
        promises.expect("null for an absent one is not", try await cas(.null, two), false)
        promises.expect("a cas that loses stores nothing", try await store.get(key), nil)
        promises.expect("absent is swapped for a value", try await cas(nil, one), true)
        promises.expect("a cas that wins stores its value", try await store.get(key), one)
        promises.expect("absent for a value that is there is not swapped", try await cas(nil, two), false)
        promises.expect("absent for absent is not swapped where a value is", try await cas(nil, nil), false)
        promises.expect("another value is not swapped", try await cas(two, .null), false)
        promises.expect("a cas that loses changes nothing", try await store.get(key), one)
        promises.expect("a value is swapped for itself", try await cas(one, one), true)
        promises.expect("a value is swapped", try await cas(one, two), true)
        promises.expect("a value is swapped for absence", try await cas(two, nil), true)
        promises.expect("a cas to absence deletes", try await store.get(key), nil)
        promises.expect("absent is swapped for null", try await cas(nil, .null), true)
        promises.expect("null is there", try await cas(nil, one), false)
        promises.expect("null is swapped", try await cas(.null, one), true)

        for (left, right) in Self.equal {
            for (stored, expected) in [(left, right), (right, left)] {
                try await store.set(key, KvValue(trusted: stored))
                promises.expect(
                    "cas takes \(expected) for equal to \(stored)", try await cas(KvValue(trusted: expected), .null),
                    true)
            }
        }
        for (left, right) in Self.different {
            for (stored, expected) in [(left, right), (right, left)] {
                try await store.set(key, KvValue(trusted: stored))
                promises.expect(
                    "cas takes \(expected) for different from \(stored)",
                    try await cas(KvValue(trusted: expected), .null),
                    false)
            }
        }
    }

    func checkRaces(_ promises: Promises) async throws {
        for round in 0..<5 {
            let lock = key("lock", "\(round)")
            let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
                for task in 0..<64 {
                    group.addTask { try await store.cas(lock, expected: nil, new: task) ? task : nil }
                }
                return try await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
            }
            promises.expect("of 64 tasks one wins an absent key", winners.count, 1)
            promises.expect("the winner's value is there", try await store.get(lock, as: Int.self), winners.first)
        }
        let counter = key("counter")
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10 {
                        while true {
                            let present = try await store.get(counter)
                            let next = try KvValue(encoding: (present?.decode(as: Int.self) ?? 0) + 1)
                            if try await store.cas(counter, expected: present, new: next) { break }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        promises.expect("a counter raised by cas is exact", try await store.get(counter, as: Int.self), 80)
    }
}
