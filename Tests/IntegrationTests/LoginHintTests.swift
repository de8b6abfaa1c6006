import Foundation
import MySQLClient
import Testing

/// A refused login names possible reasons besides the password.
@Suite(.serialized) struct LoginHintTests {
    private func message(
        _ server: TestServer, _ user: String, _ password: String, _ parameters: String
    ) async throws -> MySQLError {
        let pool = try MySQLPool(
            url:
                "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)?\(parameters)"
        )
        let error = await #expect(throws: MySQLError.self) { try await pool.withConnection { _ in } }
        await pool.close()
        #expect(error?.message.contains(password) == false)
        return try #require(error)
    }

    @Test(arguments: try await TestServer.all)
    func accountsThatRequireEncryptionOrACertificate(_ server: TestServer) async throws {
        let required: [(requirement: String, parameters: String, hint: String)] = [
            ("SSL", "tls=off&allow-public-key-retrieval=true", "set tls=require"),
            ("X509", "tls=require", "set tls-cert and tls-key"),
        ]
        for (requirement, parameters, hint) in required {
            try await server.withUser(
                granted: "SELECT", identified: { "IDENTIFIED BY '\($0)' REQUIRE \(requirement)" }
            ) { user, password in
                let error = try await message(server, user, password, parameters)
                #expect(error.code == .accessDenied && error.serverCode == 1045)
                #expect(error.message.contains(hint), "\(error)")
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aServerThatTakesNothingElseThanEncryption(_ server: TestServer) async throws {
        try await server.withUser(granted: "SELECT") { user, password in
            try await server.withGlobal("require_secure_transport", "1") {
                let begun = ContinuousClock.now
                let error = try await message(server, user, password, "tls=off&allow-public-key-retrieval=true")
                #expect(error.code == .accessDenied && error.message.contains("set tls=require"), "\(error)")
                // Known at once.
                #expect(begun.duration(to: .now) < .seconds(5))
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func anAccountForLocalhostOverTCP(_ server: TestServer) async throws {
        try await server.withUser(granted: "SELECT") { user, _ in
            let error = try await message(server, user, "hunter2", "tls=prefer")
            #expect(error.serverCode == 1045 && error.message.contains("socket=/path/to/mysqld.sock"), "\(error)")
            #expect(error.message.contains("'127.0.0.1'"))
        }
    }
}
