import Crypto
import _CryptoExtras

/// `caching_sha2_password`. MySQL: "Caching SHA-2 Pluggable Authentication"; MariaDB supports it since 12.1.
enum CachingSHA2 {
    static let requestPublicKey: UInt8 = 2
    static let fastAuthenticationSucceeded: UInt8 = 3
    static let performFullAuthentication: UInt8 = 4

    /// The limit of a PEM of an RSA key, which has at most 16384 bits: a server could send a whole packet.
    private static let longestPublicKey = 16384

    /// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); nothing for an empty password.
    static func scramble(password: [UInt8], nonce: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let once = Array(SHA256.hash(data: password))
        let twice = Array(SHA256.hash(data: once))
        return zip(once, SHA256.hash(data: twice + nonce)).map { $0 ^ $1 }
    }

    /// The encrypted password: XOR with the nonce, then RSA with OAEP and SHA-1.
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
