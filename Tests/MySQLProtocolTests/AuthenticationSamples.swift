import MySQLProtocol

/// Shared by the tests of authentication.
enum Samples {
    static let password = "secret"

    /// The bytes 1 to 20, as challenge of `mysql_native_password` and `caching_sha2_password`.
    static let nonce = Array(UInt8(1)...20)

    /// 32 bytes, as challenge of `client_ed25519` and `parsec`.
    static let longNonce = Array(UInt8(0x40)..<0x60)

    /// Parsec's salt with 1024 iterations.
    static let parsecSalt = [UInt8(ascii: "P"), 0] + Array(UInt8(0xC0)..<0xD2)

    static func challenge(for method: AuthenticationMethod) -> [UInt8] {
        switch method {
        case .nativePassword, .cachingSHA2: nonce
        case .ed25519, .parsec: longNonce
        case .clearPassword: []
        }
    }

    /// A policy that allows every method, on a connection that is private or not.
    static func policy(_ password: String = password, isPrivate: Bool = true) -> AuthenticationPolicy {
        AuthenticationPolicy(
            password: Array(password.utf8), isPrivate: isPrivate, isVerified: true, allowsPublicKeyRetrieval: true,
            allowsClearPassword: true)
    }

    static func exchange(
        _ method: AuthenticationMethod, _ policy: AuthenticationPolicy = policy()
    ) throws -> AuthenticationExchange {
        try AuthenticationExchange(methodName: method.rawValue, challenge: challenge(for: method), policy: policy)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { (byte: UInt8) in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue).map { UInt8($0) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
