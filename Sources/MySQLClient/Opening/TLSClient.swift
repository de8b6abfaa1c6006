import NIOCore
import NIOSSL

/// The client's side of TLS, as a configuration asks for it.
///
/// Each mode means the same everywhere: `prefer` and `require` look at no certificate; `verify-ca` checks the chain of
/// certificates; `verify-identity` also the name, or the IP address, that the connection was asked to go to.
struct TLSClient: Sendable {
    private let context: NIOSSLContext
    private let serverName: String?
    /// The server's certificate is checked during the TLS handshake.
    let isVerifying: Bool
    private let checksName: Bool

    /// What a handshake that succeeded has shown of the server.
    var encryption: Encryption { checksName ? .verifiedIdentity : isVerifying ? .verifiedChain : .unverified }

    /// Reads certificates from files, so not to be called on an event loop.
    ///
    /// - Throws: ``MySQLError`` `invalidConfiguration`.
    init(_ tls: MySQLConfiguration.TLS, _ address: MySQLConfiguration.Address) throws(MySQLError) {
        isVerifying = tls.mode == .verifyCA || tls.mode == .verifyIdentity
        checksName = tls.mode == .verifyIdentity
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .milliseconds(500)
        configuration.certificateVerification =
            switch tls.mode {
            case .off, .prefer, .require: .none
            case .verifyCA: .noHostnameVerification
            case .verifyIdentity: .fullVerification
            }
        do {
            if isVerifying, let file = tls.certificateAuthorityFile {
                // Read here: NIOSSL would take a file without certificates for one with none to trust.
                let authorities = try NIOSSLCertificate.fromPEMFile(file)
                guard !authorities.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
                configuration.trustRoots = .certificates(authorities)
            }
            if let file = tls.certificateFile {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
            if let file = tls.privateKeyFile {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw MySQLError(
                .invalidConfiguration,
                "the TLS files (tls-ca, tls-cert, tls-key) can't be used: \("\(error)".escaped())")
        }
        switch address {
        case .unixSocket: serverName = "localhost"
        case .tcp(let host, _):
            // An IP address is compared with the channel's; the protocol has no place for it as a name.
            let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
            serverName = isAddress ? nil : host
        }
    }

    func makeHandler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: serverName)
    }

    /// The certificate has the name that was asked for.
    ///
    /// NIOSSL is content with the IP address that the connection has gone to, which whoever answers for the name chose. A
    /// certificate without alternative names has passed by its common name.
    func isNamed(by certificate: NIOSSLCertificate?) -> Bool {
        guard checksName, let serverName else { return true }
        guard let certificate else { return false }
        let names = certificate._subjectAlternativeNames()
        if names.isEmpty { return true }
        let labels = serverName.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        return names.contains { name in
            guard name.nameType == .dnsName else { return false }
            let pattern = String(decoding: name.contents, as: UTF8.self).lowercased()
                .split(separator: ".", omittingEmptySubsequences: false)
            guard pattern.count == labels.count, pattern.dropFirst() == labels.dropFirst() else { return false }
            // A star stands for one whole label in front. (RFC 6125, 6.4.3.)
            return pattern.first == labels.first || pattern.first == "*" && labels.count > 2
        }
    }

    /// What went wrong in a TLS handshake; nil: something else did.
    static func describe(_ error: any Error) -> MySQLError? {
        switch error {
        case NIOSSLError.handshakeFailed(let cause):
            let text = "\(cause)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("certificate verify failed") {
                return MySQLError(.insecure, "the server's certificate can't be verified: \(text.escaped())")
            }
            return MySQLError(.connectionFailed, "the TLS handshake failed: \(text.escaped())")
        case is NIOSSLExtraError:
            return MySQLError(
                .insecure, "the server's certificate is for another name or address: \("\(error)".escaped())")
        case let error as NIOSSLError:
            return MySQLError(.connectionFailed, "the TLS connection failed: \("\(error)".escaped())")
        default: return nil
        }
    }
}

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
