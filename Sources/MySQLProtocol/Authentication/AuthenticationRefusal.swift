/// Why the client refuses a login: a message for users, without secrets.
package struct AuthenticationRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String

    package init(message: String) {
        self.message = message
    }

    package var description: String { message }
}

extension AuthenticationRefusal {
    static func unknownMethod(_ name: String) -> AuthenticationRefusal {
        let known = AuthenticationMethod.allCases.map(\.rawValue).joined(separator: ", ")
        return AuthenticationRefusal(
            message: "the server requests the authentication method '\(printable(name))', which is not supported; "
                + "supported are \(known)")
    }

    static func wrongChallenge(for method: AuthenticationMethod) -> AuthenticationRefusal {
        AuthenticationRefusal(message: "the server's challenge for \(method.rawValue) has an invalid length")
    }

    static func unexpectedMessage(for method: AuthenticationMethod) -> AuthenticationRefusal {
        AuthenticationRefusal(message: "the server sent an unexpected message of \(method.rawValue)")
    }

    static let outOfOrder = AuthenticationRefusal(message: "the login's answer was requested twice")

    static let clearPassword = AuthenticationRefusal(
        message: "the server requests the password in clear text (mysql_clear_password); "
            + "that needs allow-cleartext-password=true and tls=verify-ca or verify-identity")

    static let passwordWithoutTLS = AuthenticationRefusal(
        message: "the server requests the password on a connection without TLS; use tls=require, "
            + "or configure the server's RSA key with server-public-key, "
            + "or trust the key it sends with allow-public-key-retrieval=true")

    static let unusablePublicKey = AuthenticationRefusal(
        message: "the server's public key is not an RSA key in PEM form, or is too short for the password")

    static let parsecSalt = AuthenticationRefusal(
        message: "the server's salt for parsec is not valid for PBKDF2 with SHA-512")

    static func parsecIterations(factor: UInt8) -> AuthenticationRefusal {
        AuthenticationRefusal(
            message: "the server requests 1024 * 2^\(factor) iterations of parsec's key derivation; "
                + "at most 1024 * 2^\(Parsec.highestIterationFactor) are accepted")
    }

    static let parsecSignature = AuthenticationRefusal(message: "parsec's signature could not be computed")

    /// The name as printable ASCII, of at most 64 characters: it comes from the server, and may be shown in a terminal
    /// or log.
    private static func printable(_ name: String) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for byte in name.utf8 {
            let isPlain = (0x20...0x7E).contains(byte) && byte != 0x27 && byte != 0x5C
            let part = isPlain ? String(UnicodeScalar(byte)) : "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            guard text.utf8.count + part.utf8.count <= 64 else { break }
            text += part
        }
        return text
    }
}
