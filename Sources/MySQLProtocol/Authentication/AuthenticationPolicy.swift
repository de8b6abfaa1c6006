/// How the password may be sent on this connection.
package struct AuthenticationPolicy: Sendable {
    /// The password in UTF-8.
    package var password: [UInt8]
    /// TLS or a Unix socket: others can't read the traffic.
    package var isPrivate: Bool
    /// TLS whose certificate was verified: `verify-ca` or `verify-identity`.
    package var isVerified: Bool
    /// The server's RSA key in PEM form, as configured.
    package var serverPublicKey: [UInt8]?
    /// Whether an RSA key that the server sends without TLS is trusted.
    package var allowsPublicKeyRetrieval: Bool
    /// Whether `mysql_clear_password` may be answered, if the connection is verified too.
    package var allowsClearPassword: Bool

    package init(
        password: [UInt8],
        isPrivate: Bool = false,
        isVerified: Bool = false,
        serverPublicKey: [UInt8]? = nil,
        allowsPublicKeyRetrieval: Bool = false,
        allowsClearPassword: Bool = false
    ) {
        self.password = password
        self.isPrivate = isPrivate
        self.isVerified = isVerified
        self.serverPublicKey = serverPublicKey
        self.allowsPublicKeyRetrieval = allowsPublicKeyRetrieval
        self.allowsClearPassword = allowsClearPassword
    }
}

// Without these, printing or dumping a policy would show the password.
extension AuthenticationPolicy: CustomStringConvertible, CustomReflectable {
    package var description: String {
        "AuthenticationPolicy(isPrivate: \(isPrivate), isVerified: \(isVerified), "
            + "hasServerPublicKey: \(serverPublicKey != nil), "
            + "allowsPublicKeyRetrieval: \(allowsPublicKeyRetrieval), allowsClearPassword: \(allowsClearPassword))"
    }

    package var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "isPrivate": isPrivate, "isVerified": isVerified, "hasServerPublicKey": serverPublicKey != nil,
                "allowsPublicKeyRetrieval": allowsPublicKeyRetrieval, "allowsClearPassword": allowsClearPassword,
            ])
    }
}
