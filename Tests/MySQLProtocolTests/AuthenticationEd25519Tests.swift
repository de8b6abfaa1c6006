import Crypto
import Foundation
import Testing

@testable import MySQLProtocol

@Suite struct AuthenticationEd25519Tests {
    /// RFC 8032, 7.1: the tests 1, 2, 3 and SHA(abc). A private key of 32 bytes is a password of 32 bytes.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
                + "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ])
    func signsAsRFC8032Says(password: String, message: String, expected: String) {
        let signature = Ed25519Password.sign(Samples.bytes(hex: message), password: Samples.bytes(hex: password))
        #expect(Samples.hex(signature) == expected)
    }

    /// Computed in Python with RFC 8032's formulas on plain integers, for the message 0x40 to 0x5F.
    @Test(arguments: [
        (
            "",
            "e761749a0841742865ece44efbdabc0a2148e4776772eb020bbed5ccd9bad078"
                + "09ef6eec70b5f47ef3818554c251a0185bc58649c9ae8579f40c59da1deaa604"
        ),
        (
            "secret",
            "05329b0340ef1a52f970539509bf636d7e893cc159f22376933154f3a6caf3b4"
                + "64dfb1c105283f9ae31a2c240127bfccb4843c778d9ed1d897e362d4c012a60d"
        ),
        (
            "paßwört 🔑",
            "9257d6da9c4e32c859de7f1b0d922a95eaa36d0d5b2db194d9a6b1cec112f604"
                + "04c28bf42a776393b462207b348e7e5709392e8ef3a044b5c57fe31334ff3c08"
        ),
        (
            String(repeating: "x", count: 100),
            "3816396c64c56c0ac6c990a36715e6d604e66d2c88ccdc5ee7d17010a344834e"
                + "f2bbdc677a9e7d510708780aa517b9c02476a85144a092ecd9f1a5395053640f"
        ),
    ])
    func passwordsOfAnyLengthSign(password: String, expected: String) throws {
        var exchange = try Samples.exchange(.ed25519, Samples.policy(password))
        #expect(Samples.hex(try exchange.initialResponse()) == expected)
    }

    /// MariaDB's stored form of a password: results of `ed25519_password` of MariaDB 10.11.
    ///
    /// The one of "secret" is in "Authentication Plugin - ed25519" too.
    @Test(arguments: [
        ("", "4LH+dBF+G5W2CKTyId8xR3SyDqZoQjUNUVNxx8aWbG4"),
        ("foo", "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI"),
        ("foobar", "qv2mG6HWCuy32Slb5xhV4THStewNz2VINVPbgk+XAJ8"),
        ("foo bar", "Y5fV74JAVRMOK2cdnUsYS+WW9sXaaL/o+6WGKOgqnzc"),
        ("secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"),
        ("paßwört 🔑", "lrXxBjEw30Ff5Zf+BK2FUaPxjNaY2QDVDq0yun8N98c"),
        (String(repeating: "x", count: 100), "UdhomqEdOtHyENpx97aeneL7yr8EYvVvlNWoAEJEyZg"),
    ])
    func mariaDBsPublicKeysVerifyTheSignature(password: String, publicKey: String) throws {
        let raw = try #require(Data(base64Encoded: publicKey + "="))
        let key = try Curve25519.Signing.PublicKey(rawRepresentation: raw)
        var exchange = try Samples.exchange(.ed25519, Samples.policy(password))
        #expect(key.isValidSignature(try exchange.initialResponse(), for: Samples.longNonce))
    }

    @Test func randomKeysSignAsSwiftCryptosDo() throws {
        for _ in 0..<200 {
            let seed = AuthenticationExchange.systemRandomBytes(32)
            let message = AuthenticationExchange.systemRandomBytes(32)
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
            let signature = Ed25519Password.sign(message, password: seed)
            try #require(
                key.publicKey.isValidSignature(signature, for: message), "seed \(seed), message \(message)")
        }
    }

    /// The edges of the field: 0 is p, -1 + 1 is 0, and 1 / x * x is 1 at both ends.
    @Test func fieldNumbersAreEncodedAsTheSmallest() {
        let p = Ed25519Field(0xFFFF_FFFF_FFFF_FFED, .max, .max, .max >> 1)
        let most = Ed25519Field(.max, .max, .max, .max >> 1)
        #expect(p.encoded == Ed25519Field.zero.encoded)
        #expect(most.encoded == [18] + Array(repeating: 0, count: 31))
        let minusOne = Ed25519Field.zero - .one
        #expect(Samples.hex(minusOne.encoded) == "ec" + String(repeating: "ff", count: 30) + "7f")
        #expect((minusOne + .one).encoded == Ed25519Field.zero.encoded)
        #expect((minusOne * minusOne).encoded == Ed25519Field.one.encoded)
        for number in [minusOne, most, .one] { #expect((number.inverse * number).encoded == Ed25519Field.one.encoded) }
        #expect(Ed25519Field.zero.inverse.encoded == Ed25519Field.zero.encoded)
    }

    /// The order's own multiples and neighbours; the words of L are those of RFC 8032, 5.1.
    @Test func scalarsAreReducedByTheOrder() {
        let order = Samples.bytes(hex: "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(Ed25519Scalar(reducing: order).encoded == zeros)
        #expect(Ed25519Scalar(reducing: zeros + order).encoded == zeros)
        let before = [order[0] - 1] + order[1...]
        #expect(Ed25519Scalar(reducing: before).encoded == before)
        let minusOne = Ed25519Scalar(reducing: before)
        #expect(Ed25519Scalar.multiplyAdd(minusOne, minusOne, minusOne).encoded == zeros)
        #expect(Ed25519Point.base.multiplied(by: order).encoded == [1] + zeros.dropFirst())
    }
}
