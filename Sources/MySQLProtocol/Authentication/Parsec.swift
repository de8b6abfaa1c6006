import Crypto
import _CryptoExtras

/// MariaDB's `parsec`, since 11.6: a signature with a key that is derived from the password.
///
/// MariaDB: "Authentication Plugin - PARSEC"; its source: `plugin/auth_parsec/server_parsec.cc`.
enum Parsec {
    static let scrambleLength = 32
    private static let saltLength = 18

    /// The maximum number of iterations: 1024 * 2^4, about 20 ms on the event loop.
    ///
    /// MariaDB uses 0, and accepted up to 3, before 13.1; since then `parsec_iterations` allows up to 20. With 20, a
    /// malicious server would keep a thread busy for many minutes.
    static let highestIterationFactor: UInt8 = 4

    /// The client's scramble, and the signature of both scrambles.
    ///
    /// The extended salt is 'P' for PBKDF2 with SHA-512, the factor of its iterations, and the salt.
    static func answer(
        extendedSalt: [UInt8], serverScramble: [UInt8], clientScramble: [UInt8], password: [UInt8]
    ) throws(AuthenticationRefusal) -> [UInt8] {
        guard extendedSalt.count == 2 + saltLength, extendedSalt[0] == UInt8(ascii: "P") else { throw .parsecSalt }
        let factor = extendedSalt[1]
        guard factor <= highestIterationFactor else { throw .parsecIterations(factor: factor) }
        do {
            let seed = try KDF.Insecure.PBKDF2.deriveKey(
                // HMAC pads its key with NULs: one NUL is the same as an empty key, and has a valid address.
                from: password.isEmpty ? [0] : password,
                salt: Array(extendedSalt[2...]),
                using: .sha512,
                outputByteCount: 32,
                unsafeUncheckedRounds: 1024 << Int(factor))
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
            return clientScramble + Array(try key.signature(for: serverScramble + clientScramble))
        } catch {
            throw .parsecSignature
        }
    }
}
