import Foundation
import HostileServer
import MySQLClient
import NIOCore
import NIOPosix
import Testing

/// The result of each TLS mode with each certificate, for each form of the host.
@Suite struct TLSModeTests {
    enum Certificate: String, CaseIterable, Sendable {
        case right, otherName = "other-name", nameOnly = "name-only", addressOnly = "address-only"
        case unknownAuthority = "unknown-authority", expired
        /// The server offers no TLS.
        case none

        /// The authority vouches for it.
        var isTrusted: Bool { ![.unknownAuthority, .expired, .none].contains(self) }

        func names(_ host: String) -> Bool {
            switch self {
            case .right, .expired, .unknownAuthority: true
            case .nameOnly: host == "localhost"
            case .addressOnly: host != "localhost"
            case .otherName, .none: false
            }
        }
    }

    enum Kind: String, CaseIterable, Sendable {
        case mysql, mariadb
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let mode: MySQLConfiguration.TLS.Mode
        let certificate: Certificate
        let host: String
        let kind: Kind

        var testDescription: String { "\(mode.rawValue), \(certificate), \(host), \(kind)" }

        /// The client continues with the login.
        var isAccepted: Bool {
            switch mode {
            case .off, .prefer: true
            case .require: certificate != .none
            case .verifyCA: certificate.isTrusted
            case .verifyIdentity: certificate.isTrusted && certificate.names(host)
            }
        }

        var isEncrypted: Bool { mode != .off && certificate != .none }

        static var all: [Case] {
            MySQLConfiguration.TLS.Mode.allCases.flatMap { mode in
                Certificate.allCases.flatMap { certificate in
                    hosts.flatMap { host in
                        Kind.allCases.map { Case(mode: mode, certificate: certificate, host: host, kind: $0) }
                    }
                }
            }
        }

        /// Not every machine has IPv6.
        static let hosts: [String] = {
            let bound = try? ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "::1", port: 0)
                .wait()
            defer { _ = bound?.close() }
            return ["localhost", "127.0.0.1"] + (bound == nil ? [] : ["::1"])
        }()
    }

    static func file(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Certificates/\(name).pem").path
    }

    @Test(arguments: Case.all)
    func aModeMeansTheSameForEveryCertificateAndHost(_ test: Case) async throws {
        let method = test.kind == .mysql ? "caching_sha2_password" : "mysql_native_password"
        let greeting = FakeServer.greeting(method: method, offersTLS: test.certificate != .none)
        let server = try await TLSServer.start(
            on: test.host == "::1" ? "::1" : "127.0.0.1", greeting: greeting,
            certificate: test.certificate == .none ? nil : Self.file(test.certificate.rawValue))
        var configuration = MySQLConfiguration(
            address: .tcp(host: test.host, port: server.port), user: "user", password: "secret", database: "db")
        configuration.tls = .init(mode: test.mode)
        if test.mode == .verifyCA || test.mode == .verifyIdentity {
            configuration.tls.certificateAuthorityFile = Self.file("authority")
        }
        let pool = try MySQLPool(configuration)
        let error = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
        let seen = server.seen
        #expect(error?.code == (test.isAccepted ? .accessDenied : .insecure), "\(error.map { "\($0)" } ?? "")")
        #expect(seen.secret.isEmpty == !(test.isAccepted && test.isEncrypted))
        #expect(seen.clear.isEmpty == !(test.isAccepted && !test.isEncrypted))
        await pool.close()
        try await server.stop()
    }

    @Test func aClientShowsItsCertificate() async throws {
        let server = try await TLSServer.start(
            on: "127.0.0.1", greeting: FakeServer.greeting(method: "caching_sha2_password", offersTLS: true),
            certificate: Self.file("right"), clientAuthority: Self.file("authority"))
        var configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "user", password: "secret", database: "db")
        configuration.tls = .init(mode: .verifyIdentity, certificateAuthorityFile: Self.file("authority"))
        configuration.tls.certificateFile = Self.file("client")
        configuration.tls.privateKeyFile = Self.file("client")
        let pool = try MySQLPool(configuration)
        let error = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
        #expect(error?.code == .accessDenied)
        #expect(server.seen.isCertified)
        await pool.close()
        try await server.stop()
    }

    /// A key without its certificate, invalid files: reported before anything is opened, or at the first use.
    @Test func wrongFilesAreToldByName() async throws {
        var configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: 1), user: "user", password: "secret", database: "db")
        configuration.tls.certificateFile = Self.file("client")
        let error = #expect(throws: MySQLError.self) { try MySQLPool(configuration) }
        #expect(error?.message.contains("tls-key") == true)
        configuration.tls.privateKeyFile = #filePath
        let pool = try MySQLPool(configuration)
        let unusable = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
        #expect(unusable?.code == .invalidConfiguration)
        #expect(unusable?.message.contains("tls-key") == true)
        await pool.close()
    }
}
