import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import Logging
import MySQLClient
import Testing

/// Passwords, keys and values appear in no error and in no log line.
@Suite struct SecretsTests {
    private static let key = "secret-key-4711"
    private static let value = "secret-value-0815"

    @Test(arguments: try await TestServer.all)
    func keysAndValuesAppearNowhere(_ server: TestServer) async throws {
        let log = CapturedLog()
        let errors = NIOLockedValueBox<[String]>([])
        func failing(_ operation: @Sendable () async throws -> Void) async {
            do {
                try await operation()
                Issue.record("the operation was to fail")
            } catch {
                errors.withLockedValue { $0.append("\(error) \(String(reflecting: error))") }
                if let kv = error as? KvError, let underlying = kv.underlyingError as? MySQLError {
                    errors.withLockedValue { $0.append("\(underlying) \(String(reflecting: underlying))") }
                }
            }
        }
        try await server.withStore(poolSize: 2, logger: log.logger) { kv, pool in
            let key = KvKey([Self.key])
            let value = try JSONValue(encoding: Self.value)
            let table = kv.options.tableName
            try await kv.set(key, value, ttl: .seconds(100))
            _ = try await kv.cas(key, expected: value, new: value)
            _ = try await kv.deleteExpired()
            for try await _ in kv.list(prefix: key) {}

            await failing { try await kv.set(KvKey([String(repeating: Self.key, count: 60)]), value) }
            await failing { try await kv.set(key, JSONValue(uncheckedJSON: "{\"\(Self.value)")) }
            await failing { try await kv.set(key, value, ttl: .seconds(-1)) }
            await failing { _ = try await kv.get(key, as: [Int].self) }
            await failing { _ = try await kv.get(key, as: [String: String].self) }
            await failing {
                let deep = String(repeating: "[", count: 150) + "\"\(Self.value)\"" + String(repeating: "]", count: 150)
                try await kv.set(key, JSONValue(uncheckedJSON: deep))
                // A server that takes this depth is given more.
                throw KvError(.unsupportedValue, "")
            }
            await failing {
                // MySQL refuses a lone surrogate; MariaDB keeps it.
                try await kv.set(key, JSONValue(uncheckedJSON: "\"\(Self.value) \\ud800\""))
                try await kv.set(key, value)
                throw KvError(.unsupportedValue, "")
            }
            // The server's own words quote what they are about.
            await failing {
                _ = try await pool.withConnection { connection in
                    let insert = "INSERT INTO `\(table)` VALUES (?, ?, NULL)"
                    try await connection.query(insert, [.text(key.serialized), .text(value.json)])
                }
            }
            await failing {
                _ = try await pool.withConnection {
                    try await $0.query("SELECT CAST(? AS DATETIME) + INTERVAL nonsense", [.text(Self.value)])
                }
            }
            await failing {
                _ = try await pool.withConnection { connection in
                    try await connection.query(
                        "UPDATE `\(table)` SET `expires` = ? WHERE `key` = ?",
                        [.text(Self.value), .text(key.serialized)])
                }
            }
            await failing {
                _ = try await pool.withConnection { connection in
                    try await connection.query("UPDATE `\(table)` SET `value` = ?", [.text("{\(Self.value)")])
                }
            }
            // Killed in the middle, tried again, and at its deadline.
            try await server.sql("KILL \(try await pool.id())")
            #expect(try await kv.get(key) == value)
            let slow = try MySQLKvStore(
                server.pool(1, logger: log.logger) { $0.operationTimeout = .milliseconds(1) }, options: kv.options)
            await failing { while true { try await slow.set(key, value) } }
            await slow.pool.close()
        }
        #expect(errors.withLockedValue(\.count) >= 10)
        #expect(log.text.contains("connection opened"))
        for text in errors.withLockedValue(\.self) + [log.text] {
            #expect(!text.contains(Self.key) && !text.contains(Self.value), "\(text)")
        }
    }

    /// A message of the server's that repeats the password is shown without it.
    @Test(arguments: try await TestServer.all)
    func aPasswordThatTheServerRepeatsIsTakenOut(_ server: TestServer) async throws {
        let password = server.configuration.password.text
        let pool = try server.pool(1)
        let error = await #expect(throws: MySQLError.self) {
            try await pool.withConnection { connection in
                try await connection.command(
                    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'denied with \(password), sorry'", .read)
            }
        }
        #expect(error?.message == "denied with <the password>, sorry")
        await pool.close()
    }

    @Test(arguments: try await TestServer.all)
    func passwordsAppearNowhere(_ server: TestServer) async throws {
        let password = "p@ss/w?rd#\(UUID().uuidString)"
        try await server.withUser(granted: nil, password: password) { user, _ in
            let log = CapturedLog()
            var texts: [String] = []
            var configuration = server.configuration
            configuration.user = user
            for attempt in [password, password + "x"] {
                configuration.password = MySQLConfiguration.Password(attempt)
                configuration.observability.logger = log.logger
                let pool = try MySQLPool(configuration)
                texts.append(
                    "\(pool) \(configuration) \(String(reflecting: pool)) \(String(reflecting: configuration))")
                var dumped = ""
                dump(pool, to: &dumped)
                dump(configuration, to: &dumped)
                texts.append(dumped)
                do {
                    // No rights on the database; or the wrong password.
                    try await pool.withConnection { _ in }
                    Issue.record("the user has no rights")
                } catch {
                    texts.append("\(error) \(String(reflecting: error))")
                    var dumped = ""
                    dump(error, to: &dumped)
                    texts.append(dumped)
                }
                await pool.close()
            }
            texts.append(log.text)
            for text in texts { #expect(!text.contains(password) && !text.contains("w?rd"), "\(text)") }
        }
    }
}
