import Crypto
import _CryptoExtras

/// `parsec`, of MariaDB from 11.6: a signature by a key that is derived from the password.
///
/// MariaDB: "Authentication Plugin - PARSEC"; its source: `plugin/auth_parsec/server_parsec.cc`.
enum Parsec {
    static let scrambleLength = 32
    private static let saltLength = 18

    /// The most iterations that are done: 1024 * 2^4, some 20 ms of an event loop's time.
    ///
    /// MariaDB sets 0, and took up to 3, until 13.1; from there on an administrator may set up to 20 by
    /// `parsec_iterations`. With 20 a server, or who poses as one, would keep a thread busy for many minutes.
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
                // HMAC fills its key up with NULs: one NUL is the same key as none, and has an address for sure.
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
