import NIOCore
import NIOSSL

/// TLS on the client side, by the configuration.
///
/// `prefer` and `require` don't verify the certificate; `verify-ca` verifies the chain of certificates;
/// `verify-identity` also the requested name or IP address.
struct TLSClient: Sendable {
    private let context: NIOSSLContext
    private let serverName: String?
    /// The server's certificate is verified during the TLS handshake.
    let isVerifying: Bool
    private let checksName: Bool

    /// The properties of the server that a successful handshake has verified.
    var encryption: Encryption { checksName ? .verifiedIdentity : isVerifying ? .verifiedChain : .unverified }

    /// Blocks to read certificate files: don't call it on an event loop.
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
                // Checked here: NIOSSL would accept a file without certificates as an empty set.
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
            // An IP address is compared with the channel's; SNI doesn't support it.
            let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
            serverName = isAddress ? nil : host
        }
    }

    func makeHandler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: serverName)
    }

    /// The certificate is issued for the requested name.
    ///
    /// NIOSSL also accepts the IP address of the peer, which an attacker who controls DNS can choose. A certificate
    /// without alternative names has matched by its common name.
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
            // A wildcard stands for the whole first label. (RFC 6125, 6.4.3.)
            return pattern.first == labels.first || pattern.first == "*" && labels.count > 2
        }
    }

    /// The error of a failed TLS handshake; nil: another error.
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
                .insecure, "the server's certificate is issued for another name or address: \("\(error)".escaped())")
        case let error as NIOSSLError:
            return MySQLError(.connectionFailed, "the TLS connection failed: \("\(error)".escaped())")
        default: return nil
        }
    }
}

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
