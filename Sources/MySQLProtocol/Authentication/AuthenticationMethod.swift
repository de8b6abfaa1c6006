/// The supported authentication methods; any other is refused by name.
///
/// The names are those of the client plugins. MySQL: "Authentication Plugins";
/// MariaDB: "Authentication Plugins".
package enum AuthenticationMethod: String, CaseIterable, Sendable {
    case nativePassword = "mysql_native_password"
    case cachingSHA2 = "caching_sha2_password"
    case ed25519 = "client_ed25519"
    case parsec
    case clearPassword = "mysql_clear_password"

    /// The size of the server's challenge, without the NUL that may end it.
    ///
    /// `nil`: the method uses no challenge, and any is ignored.
    var challengeLength: Int? {
        switch self {
        case .nativePassword, .cachingSHA2: 20
        case .ed25519, .parsec: 32
        case .clearPassword: nil
        }
    }
}
