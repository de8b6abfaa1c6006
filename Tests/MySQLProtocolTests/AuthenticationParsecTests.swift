import Crypto
import MySQLProtocol
import Testing

@Suite struct AuthenticationParsecTests {
    private static let clientScramble = Array(UInt8(0x80)..<0xA0)

    private func exchange(_ password: String = Samples.password) throws -> AuthenticationExchange {
        try AuthenticationExchange(
            methodName: "parsec", challenge: Samples.longNonce, policy: Samples.policy(password),
            randomBytes: { Array(Self.clientScramble.prefix($0)) })
    }

    private func salt(factor: UInt8) -> [UInt8] {
        Samples.parsecSalt.enumerated().map { $0 == 1 ? factor : $1 }
    }

    /// Public keys computed with Python's hashlib and cryptography, for the salt 0xC0 to 0xD1.
    @Test(arguments: [
        ("", 0, "8f2ee1166f0820f4edc14fbe62765a74e88471993e28dfba581ef24b0fb794cb"),
        ("", 3, "26ab74b5ff668324326876c93f1e4a0c45d974970a691ff6c73bd82a7ade5051"),
        ("secret", 0, "42ba1d88287c37831a652879b6ad1832d4c5c24a1bf0a8857bd64bc73a3473ba"),
        ("secret", 1, "ce54a1b8aec2f6370e4ee1821ed274f12b02a4bc73f0dfd767039b44c906940f"),
        ("secret", 3, "899aa9740b6c3edb162282e0668926ab7c1d8a376aa1f931df7f4b7371a55f5a"),
        ("paßwört 🔑", 1, "02f64624e0154b1ab19d0a4c35299ea6b09100018a7a84f244e80f2d271c21ab"),
    ])
    func bothScramblesAreSignedByTheDerivedKey(password: String, factor: UInt8, publicKey: String) throws {
        var exchange = try exchange(password)
        #expect(try exchange.initialResponse() == [])
        guard case .send(let answer) = try exchange.receive(moreData: salt(factor: factor)) else {
            Issue.record("nothing was sent")
            return
        }
        #expect(answer.count == 32 + 64)
        #expect(Array(answer.prefix(32)) == Self.clientScramble)
        let key = try Curve25519.Signing.PublicKey(rawRepresentation: Samples.bytes(hex: publicKey))
        #expect(key.isValidSignature(answer.suffix(64), for: Samples.longNonce + Self.clientScramble))
    }

    @Test func everyLogInHasItsOwnScramble() throws {
        let scrambles = try (0..<3).map { _ in
            var exchange = try Samples.exchange(.parsec)
            _ = try exchange.initialResponse()
            guard case .send(let answer) = try exchange.receive(moreData: Samples.parsecSalt) else { return [UInt8]() }
            return Array(answer.prefix(32))
        }
        #expect(Set(scrambles).count == 3)
    }

    @Test func upTo16384IterationsAreDone() throws {
        var exchange = try exchange()
        _ = try exchange.initialResponse()
        let step = try exchange.receive(moreData: salt(factor: 4))
        #expect(step != .wait)
    }

    @Test(arguments: [5, 8, 9, 20, 31, 48, 63, 64, 255] as [UInt8])
    func moreIterationsAreRefused(factor: UInt8) throws {
        var exchange = try exchange()
        _ = try exchange.initialResponse()
        let refusal = #expect(throws: AuthenticationRefusal.self) {
            try exchange.receive(moreData: salt(factor: factor))
        }
        #expect(
            refusal?.message == "the server requests 1024 * 2^\(factor) iterations of parsec's key derivation; "
                + "at most 1024 * 2^4 are accepted")
    }

    @Test(arguments: 0...40)
    func onlyASaltOf18BytesIsTaken(length: Int) throws {
        var exchange = try exchange()
        _ = try exchange.initialResponse()
        let salt = Array((Samples.parsecSalt + Samples.parsecSalt + [0]).prefix(length))
        guard length != 20 else {
            #expect(try exchange.receive(moreData: salt) != .wait)
            return
        }
        #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: salt) }
    }

    @Test(arguments: [0x00, 0x01, 0x4F, 0x51, 0x70, 0xFF] as [UInt8])
    func anotherKeyDerivationIsRefused(kind: UInt8) throws {
        var exchange = try exchange()
        _ = try exchange.initialResponse()
        #expect(throws: AuthenticationRefusal.self) {
            try exchange.receive(moreData: [kind] + Samples.parsecSalt.dropFirst())
        }
    }
}
