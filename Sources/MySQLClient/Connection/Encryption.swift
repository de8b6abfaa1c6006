/// The actual encryption of a connection after its TLS handshake, not the configured one.
package enum Encryption: Sendable {
    case none
    /// The server's certificate was not verified.
    case unverified
    /// The certificate is signed by a trusted authority.
    case verifiedChain
    /// As ``verifiedChain``, and issued for the requested host.
    case verifiedIdentity
}
