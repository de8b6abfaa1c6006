import Crypto

/// `client_ed25519`, of MariaDB: an Ed25519 signature whose private key is the password itself.
///
/// RFC 8032, 5.1.6, except that the password replaces the 32-byte private key, at any length. A library's Ed25519 can't
/// be used, as it requires 32 bytes. MariaDB: "Authentication Plugin - ed25519".
///
/// Neither branches nor addresses depend on the password's hash.
enum Ed25519Password {
    static func sign(_ message: [UInt8], password: [UInt8]) -> [UInt8] {
        let hash = Array(SHA512.hash(data: password))
        var secret = Array(hash[..<32])
        secret[0] &= 0b1111_1000
        secret[31] = secret[31] & 0b0111_1111 | 0b0100_0000
        let prefix = hash[32...]
        let publicKey = Ed25519Point.base.multiplied(by: secret).encoded

        let nonce = Ed25519Scalar(reducing: Array(SHA512.hash(data: prefix + message)))
        let commitment = Ed25519Point.base.multiplied(by: nonce.encoded).encoded
        let challenge = Ed25519Scalar(reducing: Array(SHA512.hash(data: commitment + publicKey + message)))
        let response = Ed25519Scalar.multiplyAdd(challenge, Ed25519Scalar(reducing: secret), nonce)
        return commitment + response.encoded
    }
}
