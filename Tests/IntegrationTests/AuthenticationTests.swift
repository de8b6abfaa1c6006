import Foundation
import MySQLClient
import Testing

/// Encryption and login, on real servers.
@Suite struct AuthenticationTests {
    /// A self-signed certificate; its key was discarded.
    private static let strangersCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBgjCCASegAwIBAgIUMobrr0yC1NLZ5XVqXWMBiDy+LscwCgYIKoZIzj0EAwIw
        FTETMBEGA1UEAwwKQSBzdHJhbmdlcjAgFw0yNjExMjMwNzAyNTVaGA8yMTI2MTAz
        MDA3MDI1NVowFTETMBEGA1UEAwwKQSBzdHJhbmdlcjBZMBMGByqGSM49AgEGCCqG
        SM49AwEHA0IABMuP4mB0cAe7YF31U7xehr1uFzR1709KVxfR0I5fD3D3243kJsMZ
        545p10y88ttYBiMKDlxvzjJUpvkmpuh1GayjUzBRMB0GA1UdDgQWBBR1Zrc/NHVS
        Bi/RN0Tc3OK7jNS3mTAfBgNVHSMEGDAWgBR1Zrc/NHVSBi/RN0Tc3OK7jNS3mTAP
        BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCPwMkSmzvz1p+OG6UJ
        iSSJ1AYr2apxOEnv3ji7Aq+8zgIhAPgECdDOb45G0h0ud8HmdpngVMUnmkxAAYy3
        lxlOJ2GZ
        -----END CERTIFICATE-----
        """

    /// A user for one test, with rights on the database.
    private func withUser(
        _ server: TestServer, identifiedBy method: @escaping (String) -> String,
        _ body: (String, String) async throws -> Void
    ) async throws {
        try await server.withUser(
            granted: "ALL", password: "pässwörd-" + UUID().uuidString, identified: method, body)
    }

    /// Logs in once; the connection's cipher, empty without TLS.
    private func cipher(
        _ server: TestServer, _ change: (inout MySQLConfiguration) -> Void
    ) async throws -> String {
        let pool = try server.pool(1, change)
        let cipher = await Result { try await pool.sessionStatus("Ssl_cipher") }
        await pool.close()
        return try cipher.get()
    }

    /// Logs in once as a user; the connection's cipher, empty without TLS.
    private func logIn(
        _ server: TestServer, _ user: String, _ password: String,
        _ change: (inout MySQLConfiguration) -> Void = { _ in }
    ) async throws -> String {
        try await cipher(server) {
            $0.user = user
            $0.password = MySQLConfiguration.Password(password)
            change(&$0)
        }
    }

    /// An account that asks for a client's certificate is reached with one, and with none is not.
    @Test(
        .enabled("needs the authority of the tests' own servers") { TestServer.certificateAuthority != nil },
        arguments: try await TestServer.all)
    func anAccountMayAskForACertificate(_ server: TestServer) async throws {
        let authority = try #require(TestServer.certificateAuthority)
        let folder = URL(filePath: authority).deletingLastPathComponent()
        try await withUser(server, identifiedBy: { "IDENTIFIED BY '\($0)' REQUIRE X509" }) { user, password in
            let cipher = try await logIn(server, user, password) {
                $0.tls = .init(mode: .verifyIdentity, certificateAuthorityFile: authority)
                $0.tls.certificateFile = folder.appending(path: "client.pem").path
                $0.tls.privateKeyFile = folder.appending(path: "client-key.pem").path
            }
            #expect(!cipher.isEmpty)
            let error = await #expect(throws: MySQLError.self) { try await logIn(server, user, password) }
            #expect(error?.code == .accessDenied)
        }
    }

    /// Since 8.4 MySQL lacks this method, or has it only as an option.
    @Test(arguments: try await TestServer.all.filter { $0.isMariaDB || $0.server.version.hasPrefix("8.0") })
    func nativePasswords(_ server: TestServer) async throws {
        let method = { (password: String) in
            server.isMariaDB
                ? "IDENTIFIED VIA mysql_native_password USING PASSWORD('\(password)')"
                : "IDENTIFIED WITH mysql_native_password BY '\(password)'"
        }
        try await withUser(server, identifiedBy: method) { user, password in
            for mode in [MySQLConfiguration.TLS.Mode.off, .prefer] {
                _ = try await logIn(server, user, password) { $0.tls.mode = mode }
            }
            let error = await #expect(throws: MySQLError.self) { try await logIn(server, user, password + "x") }
            #expect(error?.code == .accessDenied)
        }
    }

    @Test(arguments: try await TestServer.all.filter(\.isMariaDB))
    func ed25519(_ server: TestServer) async throws {
        let method = { (password: String) in "IDENTIFIED VIA ed25519 USING PASSWORD('\(password)')" }
        try await withUser(server, identifiedBy: method) { user, password in
            _ = try await logIn(server, user, password) { $0.tls.mode = .off }
            let error = await #expect(throws: MySQLError.self) { try await logIn(server, user, password + "x") }
            #expect(error?.code == .accessDenied)
        }
    }

    @Test(arguments: try await TestServer.all.filter { !$0.isMariaDB })
    func cachingSHA2Passwords(_ server: TestServer) async throws {
        let method = { (password: String) in "IDENTIFIED WITH caching_sha2_password BY '\(password)'" }
        // The server has not seen this user: it asks for the password itself. Without TLS it isn't given away.
        try await withUser(server, identifiedBy: method) { user, password in
            let refused = await #expect(throws: MySQLError.self) {
                try await logIn(server, user, password) { $0.tls.mode = .off }
            }
            #expect(refused?.code == .insecure)
            // By the server's key, if the user trusts it.
            let cipher = try await logIn(server, user, password) {
                $0.tls.mode = .off
                $0.allowPublicKeyRetrieval = true
            }
            #expect(cipher.isEmpty)
            // Now it is cached: a challenge is enough.
            _ = try await logIn(server, user, password) { $0.tls.mode = .off }
            let wrong = await #expect(throws: MySQLError.self) {
                try await logIn(server, user, password + "x") {
                    $0.tls.mode = .off
                    $0.allowPublicKeyRetrieval = true
                }
            }
            #expect(wrong?.code == .accessDenied)
        }
        // By TLS.
        try await withUser(server, identifiedBy: method) { user, password in
            let cipher = try await logIn(server, user, password)
            #expect(!cipher.isEmpty)
        }
        // By a key that is named: the server's own, and one that isn't.
        let keys = try await server.sql("SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'")
        let key = try #require(keys.first?[1])
        try await withUser(server, identifiedBy: method) { user, password in
            for (text, code) in [("no key", MySQLError.Code.insecure), (key, nil)] {
                let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
                try Data(text.utf8).write(to: file)
                defer { try? FileManager.default.removeItem(at: file) }
                let outcome = await Result {
                    try await logIn(server, user, password) {
                        $0.tls.mode = .off
                        $0.serverPublicKeyFile = file.path
                    }
                }
                switch outcome {
                case .success: #expect(code == nil)
                case .failure(let error): #expect((error as? MySQLError)?.code == code, "\(error)")
                }
            }
        }
        // A user without a password.
        try await withUser(server, identifiedBy: { _ in "IDENTIFIED WITH caching_sha2_password BY ''" }) { user, _ in
            _ = try await logIn(server, user, "") { $0.tls.mode = .off }
        }
    }

    /// Servers that have a method that sends the password itself.
    private static var serversWithSHA256: [TestServer] {
        get async throws {
            var servers: [TestServer] = []
            for server in try await TestServer.all {
                let plugins = try await server.sql(
                    "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'sha256_password'")
                if !plugins.isEmpty { servers.append(server) }
            }
            return servers
        }
    }

    /// Methods that would send the password in clear are refused, although the server requests one.
    @Test(
        .enabled("no server here has sha256_password") { try await !serversWithSHA256.isEmpty },
        arguments: try await serversWithSHA256)
    func otherMethodsAreRefused(_ server: TestServer) async throws {
        let method = { (password: String) in "IDENTIFIED WITH sha256_password BY '\(password)'" }
        try await withUser(server, identifiedBy: method) { user, password in
            let error = await #expect(throws: MySQLError.self) { try await logIn(server, user, password) }
            #expect(error?.code == .insecure)
        }
    }

    @Test(
        .enabled(if: TestServer.certificateAuthority != nil, "the authority of these servers is not known"),
        arguments: try await TestServer.all)
    func encryption(_ server: TestServer) async throws {
        let authority = try #require(TestServer.certificateAuthority)
        for mode in MySQLConfiguration.TLS.Mode.allCases {
            let used = try await cipher(server) { $0.tls = .init(mode: mode, certificateAuthorityFile: authority) }
            #expect(used.isEmpty == (mode == .off), "\(mode)")
        }
        // Signed by an authority that the system doesn't trust.
        let stranger = await #expect(throws: MySQLError.self) {
            try await cipher(server) { $0.tls.mode = .verifyIdentity }
        }
        #expect(stranger?.code == .insecure)
        // An authority that did not sign it.
        let other = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".pem")
        try Data(Self.strangersCertificate.utf8).write(to: other)
        defer { try? FileManager.default.removeItem(at: other) }
        let wrong = await #expect(throws: MySQLError.self) {
            try await cipher(server) { $0.tls = .init(mode: .verifyCA, certificateAuthorityFile: other.path) }
        }
        #expect(wrong?.code == .insecure)
        // The certificate names localhost and 127.0.0.1. Another name of this machine is another host.
        let name = ProcessInfo.processInfo.hostName
        for mode in [MySQLConfiguration.TLS.Mode.verifyIdentity, .verifyCA] where name != "localhost" {
            do {
                _ = try await cipher(server) {
                    $0.addresses = [.tcp(host: name, port: server.ports[0])]
                    $0.tls = .init(mode: mode, certificateAuthorityFile: authority)
                }
                #expect(mode == .verifyCA)
            } catch let error as MySQLError {
                // The server listens on 127.0.0.1 alone: the name may lead elsewhere.
                #expect(
                    error.code == .connectionFailed || (mode == .verifyIdentity && error.code == .insecure), "\(error)")
            }
        }
    }

    private static var certificates: [(TestServer, String)] {
        get async throws {
            try await TestServer.all.flatMap { server in
                // MySQL itself takes no expired one.
                (["self-signed", "elsewhere"] + (server.isMariaDB ? ["expired"] : [])).map { (server, $0) }
            }
        }
    }

    /// Certificates that don't show that this is the host that was asked for.
    @Test(
        .enabled(if: TestServer.certificateAuthority != nil, "the authority of these servers is not known"),
        arguments: try await Self.certificates)
    func aCertificateThatProvesNothing(_ server: TestServer, _ name: String) async throws {
        let authority = try #require(TestServer.certificateAuthority)
        let former = try #require(try await server.sql("SELECT @@GLOBAL.ssl_cert")[0][0])
        let formerContents = try Data(contentsOf: URL(fileURLWithPath: former))
        let folder = URL(fileURLWithPath: authority).deletingLastPathComponent()
        func use(_ certificate: Data) async throws {
            try certificate.write(to: URL(fileURLWithPath: former))
            try await server.sql(server.isMariaDB ? "FLUSH SSL" : "ALTER INSTANCE RELOAD TLS")
        }
        try await use(Data(contentsOf: folder.appendingPathComponent("\(name).pem")))
        let result = await Result {
            for mode in [MySQLConfiguration.TLS.Mode.verifyIdentity, .verifyCA] {
                var refusal: MySQLError?
                do {
                    _ = try await cipher(server) { $0.tls = .init(mode: mode, certificateAuthorityFile: authority) }
                } catch let error as MySQLError {
                    refusal = error
                }
                // The authority has signed the other host's.
                let isRefused = name != "elsewhere" || mode == .verifyIdentity
                #expect(refusal?.code == (isRefused ? .insecure : nil), "\(mode) \(refusal as Any)")
            }
            // Not looked at.
            for mode in [MySQLConfiguration.TLS.Mode.prefer, .require] {
                #expect(try await !cipher(server) { $0.tls.mode = mode }.isEmpty)
            }
        }
        try await use(formerContents)
        try result.get()
    }

    @Test(arguments: try await TestServer.all.filter { !$0.nodes.isEmpty })
    func aUnixSocket(_ server: TestServer) async throws {
        let socket = server.nodes[0].socket
        let pool = try server.pool(1) { $0.addresses = [.unixSocket(path: socket)] }
        try await pool.withConnection { try await $0.query("SELECT 1") }
        await pool.close()
    }
}
