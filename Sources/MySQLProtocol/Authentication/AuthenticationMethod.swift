/// The ways to log in that are answered; any other is refused by its name.
///
/// The names are those that servers use for the client's half of a plugin. MySQL: "Authentication Plugins";
/// MariaDB: "Authentication Plugins".
package enum AuthenticationMethod: String, CaseIterable, Sendable {
    case nativePassword = "mysql_native_password"
    case cachingSHA2 = "caching_sha2_password"
    case ed25519 = "client_ed25519"
    case parsec
    case clearPassword = "mysql_clear_password"

    /// How many random bytes the server's challenge has, without the NUL that may end it.
    ///
    /// `nil`: the method uses no challenge, and whatever comes is ignored.
    var challengeLength: Int? {
        switch self {
        case .nativePassword, .cachingSHA2: 20
        case .ed25519, .parsec: 32
        case .clearPassword: nil
        }
    }
}
