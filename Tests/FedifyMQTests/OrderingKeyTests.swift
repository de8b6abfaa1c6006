import FedifyMQ
import Testing

@Suite struct OrderingKeyTests {
    @Test(arguments: [
        nil, "", "k", " k", "a b", "a\u{0}", "a\t", "a\u{A0}", "日本語", "\u{FFFF}", "https://example.com/users/alice",
    ])
    func isTaken(_ key: String?) throws {
        try OrderingKey.check(key)
    }

    @Test(arguments: [
        (" ", "space"), ("k ", "space"), ("😀", "U+FFFF"), ("a\u{10000}b", "U+FFFF"),
    ])
    func isRefused(_ key: String, _ reason: String) {
        let error = #expect(throws: MQError.self) { try OrderingKey.check(key) }
        #expect(error?.code == .invalidOrderingKey)
        #expect(error?.message.contains(reason) == true)
    }

    /// The limit counts bytes.
    @Test(arguments: ["k", "é"])
    func hasALimit(_ character: String) throws {
        let length = character.utf8.count
        try OrderingKey.check(String(repeating: character, count: 65_535 / length))
        let error = #expect(throws: MQError.self) {
            try OrderingKey.check(String(repeating: character, count: 65_536 / length))
        }
        #expect(error?.code == .invalidOrderingKey)
        #expect(error?.message.contains("65536 bytes") == true)
    }
}

@Suite struct MessageDelayTests {
    @Test func isRoundedUp() throws {
        #expect(try MessageDelay(.zero).microseconds == 0)
        #expect(try MessageDelay(.nanoseconds(1)).microseconds == 1)
        #expect(try MessageDelay(.microseconds(1)).microseconds == 1)
        #expect(try MessageDelay(.seconds(1) + .nanoseconds(1001)).microseconds == 1_000_002)
    }

    @Test(arguments: [Duration.nanoseconds(-1), .seconds(Int64.min), .seconds(8001 * 365 * 86400), .seconds(Int64.max)])
    func isRefused(_ delay: Duration) {
        let error = #expect(throws: MQError.self) { try MessageDelay(delay) }
        #expect(error?.code == .invalidDelay)
    }
}
