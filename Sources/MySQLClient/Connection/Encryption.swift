/// How a connection is encrypted, as its TLS handshake went: not as it was configured.
package enum Encryption: Sendable {
    case none
    /// The server's certificate was not checked.
    case unverified
    /// The certificate is signed by a trusted authority.
    case verifiedChain
    /// As ``verifiedChain``, and it names the host that was asked for.
    case verifiedIdentity
}
