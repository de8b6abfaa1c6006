import MySQLProtocol
import Testing

/// The expected values were computed with Python's hashlib, for the nonce of the bytes 1 to 20.
@Suite struct AuthenticationScrambleTests {
    @Test(arguments: [
        ("", ""),
        ("a", "d638af1707b664cffe85d6bcb29b9d06f14258aa"),
        ("secret", "b32bb3a583e1340c0a1108d58b1be49781ad8c2f"),
        ("paßwört 🔑", "7b40af09afe81a7af8a1423a150b19374acf7723"),
        (String(repeating: "x", count: 100), "6541a8abdddf4ef45dc85af50fea8323acc26efa"),
    ])
    func nativePasswordIsScrambledWithSHA1(password: String, expected: String) throws {
        var exchange = try Samples.exchange(.nativePassword, Samples.policy(password))
        #expect(Samples.hex(try exchange.initialResponse()) == expected)
    }

    @Test(arguments: [
        ("", ""),
        ("a", "4b35c367d25d0add742519e3573e0c83360f85bb66e6882d81d21120e6d581e4"),
        ("secret", "746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9"),
        ("paßwört 🔑", "20cb6af3e01416c4bb58e21458f343202a39eb669197e38623e33f6903900007"),
        (
            String(repeating: "x", count: 100),
            "4592059f364747ec3f0468a28489bf7241ae6d1460d68826af723918ecacd09f"
        ),
    ])
    func cachingSHA2IsScrambledWithSHA256(password: String, expected: String) throws {
        var exchange = try Samples.exchange(.cachingSHA2, Samples.policy(password))
        #expect(Samples.hex(try exchange.initialResponse()) == expected)
    }

    @Test(arguments: ["", "secret", "paßwört 🔑"])
    func clearPasswordEndsWithNUL(password: String) throws {
        var exchange = try Samples.exchange(.clearPassword, Samples.policy(password))
        #expect(try exchange.initialResponse() == Array(password.utf8) + [0])
    }
}
