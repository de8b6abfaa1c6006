import Crypto
import _CryptoExtras

/// `caching_sha2_password`. MySQL: "Caching SHA-2 Pluggable Authentication"; MariaDB has it from 12.1.
enum CachingSHA2 {
    static let requestPublicKey: UInt8 = 2
    static let fastAuthenticationSucceeded: UInt8 = 3
    static let performFullAuthentication: UInt8 = 4

    /// No PEM of an RSA key is longer, as none has more than 16384 bits: a server may send up to a whole packet.
    private static let longestPublicKey = 16384

    /// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); nothing for an empty password.
    static func scramble(password: [UInt8], nonce: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let once = Array(SHA256.hash(data: password))
        let twice = Array(SHA256.hash(data: once))
        return zip(once, SHA256.hash(data: twice + nonce)).map { $0 ^ $1 }
    }

    /// The password for a server that can't take it in clear: XOR with the nonce, and RSA with OAEP and SHA-1 on that.
    ///
    /// The key is in PEM form, and has at least 2048 bits. MySQL's source: `xor_string` and `RSA_PKCS1_OAEP_PADDING` in
    /// `sql-common/client_authentication.cc`.
    static func encrypt(
        password: [UInt8], nonce: [UInt8], publicKey: [UInt8]
    ) throws(AuthenticationRefusal) -> [UInt8] {
        guard publicKey.count <= longestPublicKey else { throw .unusablePublicKey }
        let hidden = (password + [0]).enumerated().map { $1 ^ nonce[$0 % nonce.count] }
        do {
            let key = try _RSA.Encryption.PublicKey(pemRepresentation: String(decoding: publicKey, as: UTF8.self))
            return Array(try key.encrypt(hidden, padding: .PKCS1_OAEP))
        } catch {
            throw .unusablePublicKey
        }
    }
}
