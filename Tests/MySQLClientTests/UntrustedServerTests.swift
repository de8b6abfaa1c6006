import Foundation
import HostileServer
import MySQLClient
import Testing

/// Servers that ask for what they must not have, or that never come to an end.
@Suite struct UntrustedServerTests {
    private static let password = "correct horse battery staple"

    /// Tries to connect; the error, and how long it took.
    private func connect(
        to server: FakeServer, _ change: (inout MySQLConfiguration) -> Void = { _ in }
    ) async throws -> (MySQLError?, Duration) {
        var configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "user",
            password: MySQLConfiguration.Password(Self.password),
            database: "db")
        configuration.connectTimeout = .seconds(2)
        // Transient failures are retried until then.
        configuration.operationTimeout = .seconds(3)
        change(&configuration)
        let pool = try MySQLPool(configuration)
        let start = ContinuousClock.now
        let error = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
        let took = start.duration(to: .now)
        await pool.close()
        return (error, took)
    }

    /// A server without TLS is sent nothing at all where TLS is required, whether it names a method or not.
    @Test(arguments: [MySQLConfiguration.TLS.Mode.require, .verifyCA, .verifyIdentity], [true, false])
    func withoutTLSNothingIsSentWhereItIsRequired(_ mode: MySQLConfiguration.TLS.Mode, _ namesMethod: Bool) async throws
    {
        let server = try FakeServer { connection in
            connection.packet(0, FakeServer.greeting(method: "mysql_native_password", namesMethod: namesMethod))
        }
        defer { server.stop() }
        let authority = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data(Self.certificate.utf8).write(to: authority)
        defer { try? FileManager.default.removeItem(at: authority) }
        let (error, _) = try await connect(to: server) {
            $0.tls = .init(mode: mode, certificateAuthorityFile: authority.path)
        }
        #expect(error?.code == .insecure)
        #expect(server.received.isEmpty)
    }

    /// Bytes after the greeting would be processed as if they came after the TLS handshake: not one is sent then.
    @Test(arguments: MySQLConfiguration.TLS.Mode.allCases.filter { $0 != .verifyCA })
    func nothingMayComeBehindTheGreeting(_ mode: MySQLConfiguration.TLS.Mode) async throws {
        let greeting = FakeServer.greeting(method: "mysql_native_password", offersTLS: true)
        let server = try FakeServer { connection in
            // In one piece, so that it is read as one.
            connection.write(
                FakeServer.Connection.packet(0, greeting) + FakeServer.Connection.packet(2, FakeSession.ok))
        }
        defer { server.stop() }
        let (error, _) = try await connect(to: server) { $0.tls.mode = mode }
        #expect(error?.code == .insecure)
        #expect(server.received.isEmpty)
    }

    /// A server that asks for the whole password over a plain connection gets it in no form: not in clear, not by a
    /// key of its own.
    @Test(arguments: [MySQLConfiguration.TLS.Mode.off, .prefer])
    func thePasswordIsNotGivenAwayInPlain(_ mode: MySQLConfiguration.TLS.Mode) async throws {
        let server = try FakeServer { connection in
            connection.packet(0, FakeServer.greeting(method: "caching_sha2_password"))
            _ = connection.read()
            // "Full authentication".
            connection.packet(2, [1, 4])
        }
        defer { server.stop() }
        let (error, _) = try await connect(to: server) { $0.tls.mode = mode }
        #expect(error?.code == .insecure)
        #expect(error?.message.contains("allow-public-key-retrieval") == true)
        #expect(!server.received.contains(Self.password))
        // The answer to the greeting, and nothing after it: no request for a key (a packet of the one byte 2).
        #expect(!server.received.suffix(5).elementsEqual([1, 0, 0, 3, 2]))
    }

    /// Methods that send the password in clear, or a weak hash of it, are answered by no packet.
    @Test(arguments: [
        "mysql_clear_password", "dialog", "mysql_old_password", "sha256_password", "auth_gssapi_client", "nonsense",
        "password",
        "sha2", "",
    ])
    func otherMethodsAreRefused(_ method: String) async throws {
        let server = try FakeServer { connection in
            connection.packet(0, FakeServer.greeting(method: "mysql_native_password"))
            _ = connection.read()
            // "Switch to this method."
            connection.packet(2, [0xFE] + Array(method.utf8) + [0] + FakeServer.nonce + [0])
        }
        defer { server.stop() }
        let (error, _) = try await connect(to: server)
        #expect(error != nil)
        #expect(!server.received.contains(Self.password))
        // The old switch, without a name.
        let old = try FakeServer { connection in
            connection.packet(0, FakeServer.greeting(method: "mysql_native_password"))
            _ = connection.read()
            connection.packet(2, [0xFE])
        }
        defer { old.stop() }
        let (oldError, _) = try await connect(to: old)
        #expect(oldError?.code == .insecure)
    }

    /// A server that says nothing, hangs up, sends garbage or a byte a second ends in an error within the time.
    @Test(arguments: ["silence", "hang-up", "garbage", "drip", "drip after the greeting"])
    func anAttemptEndsWithinItsTime(_ behaviour: String) async throws {
        let server = try FakeServer { connection in
            let greeting = FakeServer.greeting(method: "mysql_native_password")
            func drip(_ bytes: [UInt8]) {
                for byte in bytes where connection.write([byte]) { Thread.sleep(forTimeInterval: 0.2) }
            }
            switch behaviour {
            case "hang-up": connection.hangUp()
            case "garbage": connection.write((0..<4000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            case "drip": drip([UInt8(greeting.count), 0, 0, 0] + greeting)
            case "drip after the greeting":
                connection.packet(0, greeting)
                _ = connection.read()
                drip([250, 0, 0, 2] + [UInt8](repeating: 0xFF, count: 250))
            default: break
            }
        }
        defer { server.stop() }
        let (error, took) = try await connect(to: server)
        #expect(error?.code == .connectionFailed, "\(error.map(String.init(describing:)) ?? "")")
        // Two seconds, and the margin of a busy machine; the drip would take fifty.
        #expect(took < .seconds(10))
    }

    /// An authority's certificate; its key was thrown away.
    private static let certificate = """
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
}

extension [UInt8] {
    fileprivate func contains(_ text: String) -> Bool {
        let needle = Array(text.utf8)
        return indices.contains { self[$0...].starts(with: needle) }
    }
}
