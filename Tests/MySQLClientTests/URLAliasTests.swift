import Foundation
import Testing

@testable import MySQLClient

/// URLs as providers and other drivers write them.
@Suite struct URLAliasTests {
    private static func read(_ query: String) throws -> MySQLConfiguration {
        try MySQLConfiguration(url: "mysql://u:hunter2@h/d?\(query)")
    }

    @Test(
        arguments: [
            // MySQL's own client and DigitalOcean, Connector/J, MySqlConnector, MariaDB's connectors, PostgreSQL's habit.
            ("ssl-mode=REQUIRED", .require), ("ssl-mode=DISABLED", .off), ("ssl-mode=PREFERRED", .prefer),
            ("ssl-mode=VERIFY_IDENTITY", .verifyIdentity), ("ssl_mode=required", .require),
            ("sslMode=REQUIRED", .require),
            ("sslMode=verify-full", .verifyIdentity), ("sslMode=trust", .require), ("sslMode=disable", .off),
            ("SslMode=VerifyFull", .verifyIdentity), ("SslMode=None", .off), ("sslmode=require", .require),
            ("sslmode=prefer", .prefer), ("sslmode=verify-full", .verifyIdentity),
            // Go's.
            ("tls=true", .verifyIdentity), ("tls=skip-verify", .require), ("tls=preferred", .prefer),
            ("tls=false", .off),
            ("TLS=True", .verifyIdentity), ("tls=REQUIRE", .require),
            ("requireSSL=true", .require), ("useSSL=false", .off), ("ssl=false", .off), ("ssl=0", .off),
            // PlanetScale's.
            ("ssl=%7B%22rejectUnauthorized%22%3Atrue%7D", .verifyIdentity),
            ("ssl={\"rejectUnauthorized\": true}", .verifyIdentity),
        ] as [(String, MySQLConfiguration.TLS.Mode)])
    func modesOfTLSThatHaveAnEqual(_ query: String, _ mode: MySQLConfiguration.TLS.Mode) throws {
        #expect(try Self.read(query).tls.mode == mode)
    }

    @Test func filesAndOthersThatHaveAnEqual() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fedify-kv-\(UUID()).pem")
        try Data("x".utf8).write(to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path()
        for name in ["ssl-ca", "ssl_ca", "sslCa", "sslrootcert", "sslRootCert", "ssl-ca-file"] {
            let found = try Self.read("\(name)=\(path)&ssl-mode=VERIFY_CA")
            #expect(found.tls.certificateAuthorityFile == path && found.tls.mode == .verifyCA, "\(name)")
        }
        for (certificate, key) in [("ssl-cert", "ssl-key"), ("sslcert", "sslkey"), ("sslCert", "sslKey")] {
            let found = try Self.read("\(certificate)=\(path)&\(key)=\(path)")
            #expect(found.tls.certificateFile == path && found.tls.privateKeyFile == path, "\(certificate)")
        }
        for name in ["serverRSAPublicKeyFile", "serverRsaPublicKeyFile", "server-public-key-path"] {
            #expect(try Self.read("\(name)=\(path)").serverPublicKeyFile == path, "\(name)")
        }
        for name in ["allowPublicKeyRetrieval", "AllowPublicKeyRetrieval", "get-server-public-key"] {
            #expect(try Self.read("\(name)=true").allowPublicKeyRetrieval, "\(name)")
            #expect(try Self.read("\(name)=False").allowPublicKeyRetrieval == false, "\(name)")
        }
        for name in ["allowCleartextPasswords", "enable-cleartext-plugin"] {
            #expect(try Self.read("\(name)=1&tls=verify-identity").allowCleartextPassword, "\(name)")
            // Not where the server isn't verified.
            #expect(throws: MySQLError.self) { try Self.read("\(name)=1&ssl-mode=REQUIRED") }
        }
        for name in ["connectionLimit", "connection_limit", "maximumPoolSize", "pool_size", "MaxPoolSize"] {
            #expect(try Self.read("\(name)=7").pool.maximumConnections == 7, "\(name)")
        }
        for name in ["unix_socket", "unixSocket", "socketPath", "localSocket"] {
            let found = try MySQLConfiguration(url: "mysql://u:p@localhost/d?\(name)=/run/s.sock")
            #expect(found.addresses == [.unixSocket(path: "/run/s.sock")], "\(name)")
        }
        for query in ["charset=utf8mb4", "characterEncoding=UTF-8", "useUnicode=true&charset=utf8", "reconnect=true"] {
            #expect(try Self.read(query).tls.mode == .prefer, "\(query)")
        }
    }

    @Test(arguments: [
        // Which of two things it means depends on the driver, or it is less safe than what it says.
        ("useSSL=true", "tls=verify-identity"), ("requireSSL=false", "tls=require"),
        ("ssl=true", "tls=verify-identity"),
        ("ssl=1", "tls=verify-identity"), ("ssl=Amazon%20RDS", "tls=verify-identity"),
        ("ssl=%7B%22rejectUnauthorized%22%3Afalse%7D", "tls=require"),
        ("sslaccept=accept_invalid_certs", "tls=require"),
        ("sslaccept=strict", "tls=verify-identity"), ("verifyServerCertificate=false", "tls="),
        ("trustServerCertificate=true", "tls="), ("sslmode=allow", "write tls, one of"),
        ("ssl-mode=hunter3", "write tls"),
        ("ssl-ca=/dev/null", "tls=verify-identity"), ("ssl-ca=/dev/null&ssl-mode=REQUIRED", "tls=verify-identity"),
        ("sslidentity=x.p12", "tls-cert and tls-key"), ("ssl-cipher=x", "omit it"),
        // Seconds or milliseconds?
        ("connectTimeout=5", "connect-timeout, in seconds"), ("connect_timeout=5", "connect-timeout, in seconds"),
        ("connectionTimeout=5000", "connect-timeout"), ("timeout=5s", "connect-timeout"),
        ("socketTimeout=1000", "deadline"), ("readTimeout=1s", "deadline"), ("pool_timeout=5", "deadline"),
        ("charset=latin1", "utf8mb4"), ("reconnect=false", "always replaced"), ("parseTime=true", "omit it"),
        ("serverTimezone=UTC", "expiryClock"), ("allowLocalInfile=true", "always off"),
        ("allowPublicKeyRetrieval=maybe", "true or false"),
        // Twice.
        ("ssl-mode=REQUIRED&tls=off", "say the same"), ("sslmode=require&sslMode=require", "say the same"),
        ("connectionLimit=1&pool-size=2", "say the same"), ("ssl-mode=VERIFY_CA", "tls-ca"),
    ])
    func whatHasNoEqualNamesOurs(_ query: String, _ advice: String) throws {
        let error = #expect(throws: MySQLError.self) { try Self.read(query) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(advice) == true, "\(error?.message ?? "")")
        // No value, which may be a secret.
        for value in ["hunter2", "hunter3", "x.p12", "latin1"] { #expect(error?.message.contains(value) == false) }
    }

    /// Our own names are what they were.
    @Test func ourNamesAreNotTranslated() throws {
        let found = try Self.read("connect-timeout=2&deadline=3&pool-size=4&tls=verify-identity")
        #expect(found.connectTimeout == .seconds(2) && found.operationTimeout == .seconds(3))
        #expect(found.pool.maximumConnections == 4 && found.tls.mode == .verifyIdentity)
    }
}
