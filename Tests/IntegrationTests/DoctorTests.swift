import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv doctor` on servers that are set up badly, and where its own statements fail.
@Suite(.serialized) struct DoctorTests {
    struct Examination: Decodable {
        struct Check: Decodable {
            let check: String
            let level: String
            let seen: String
            let advice: String?
        }
        let checks: [Check]

        subscript(_ name: String) -> Check? { checks.first { $0.check == name } }
    }

    static let names = [
        "server", "encryption", "account", "writes", "clock", "time zone", "expiry clock", "sql_mode", "session",
        "packet",
        "connections", "statements", "time limits", "durability", "binary log", "locks", "page size", "table",
        "row format", "index", "rights",
    ]

    static func look(
        _ kv: MySQLKvStore, _ arguments: String..., url: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Examination {
        let outcome = try await CommandLineTool.run(
            ["doctor", "--json", "--table", kv.options.tableName] + arguments, url: url)
        #expect(
            outcome.exitCode <= 1 && outcome.errors.isEmpty, "\(outcome.output) \(outcome.errors)",
            sourceLocation: sourceLocation)
        return try JSONDecoder().decode(Examination.self, from: Data(outcome.output.utf8))
    }

    static func withTable(
        _ server: TestServer, _ body: (MySQLKvStore) async throws -> Void
    ) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            try await body(kv)
        }
    }

    /// The checks of a server in order say good, but for what test servers are started with.
    @Test(arguments: try await TestServer.all)
    func aSoundServerIsWell(_ server: TestServer) async throws {
        try await Self.withTable(server) { kv in
            let well = try await Self.look(kv, url: server.url)
            #expect(well.checks.map(\.check) == Self.names)
            for check in well.checks where check.check != "durability" {
                #expect(check.level == "good", "\(check)")
            }
            #expect(well["account"]?.seen.contains("has the account root@") == true)
            let packet = try await server.sql("SELECT @@GLOBAL.max_allowed_packet")[0][0].flatMap { Int($0) } ?? 0
            #expect(well["packet"]?.seen.contains("up to \(min(packet, 64 << 20) - 512) bytes for a value") == true)
            #expect(well["time zone"]?.seen.hasSuffix("UTC throughout the year") == true)
            #expect(well["page size"]?.seen == "16384 bytes")
            #expect(well["row format"]?.seen == "Dynamic")
            #expect(well["session"]?.seen.contains("sql_mode") == true)
        }
    }

    /// Settings of the server, and what the doctor says of them.
    @Test(arguments: try await TestServer.all)
    func settingsAreFound(_ server: TestServer) async throws {
        let time = server.isMariaDB ? ("max_statement_time", "0.5") : ("max_execution_time", "500")
        let readOnly = server.isMariaDB ? "tx_read_only" : "transaction_read_only"
        let cases: [(variable: String, value: String, check: String, level: String, seen: String)] = [
            ("read_only", "1", "writes", "bad", "read_only is ON"),
            ("max_prepared_stmt_count", "0", "statements", "bad", "error 1461"),
            ("max_prepared_stmt_count", "100", "statements", "warn", "of 100 prepared"),
            ("wait_timeout", "30", "connections", "warn", "idle ones are closed after 30 s"),
            (time.0, time.1, "time limits", "good", "10.5 s for the store's statements, 0.5 s for others"),
            ("sql_select_limit", "10", "session", "good", "sql_select_limit"),
            ("completion_type", "'CHAIN'", "session", "good", "completion_type"),
            (readOnly, "1", "session", "good", readOnly),
            ("sql_mode", "'ANSI_QUOTES'", "sql_mode", "warn", "not strict"),
            ("max_join_size", "1", "session", "good", "max_join_size"),
            (
                "innodb_flush_log_at_trx_commit", "0", "durability", "warn",
                "= 0: commits are written and flushed to disk once"
            ),
            (
                "innodb_flush_log_at_trx_commit", "2", "durability", "warn",
                "= 2: commits are flushed to disk once a second"
            ),
            ("time_zone", "'+05:45'", "time zone", "warn", "+05:45, UTC+05:45"),
            ("time_zone", "'Europe/London'", "time zone", "warn", "at other times of the year"),
        ]
        try await Self.withTable(server) { kv in
            for (variable, value, name, level, seen) in cases {
                try await server.withGlobal(variable, value) {
                    let found = try await Self.look(kv, url: server.url)
                    #expect(found.checks.map(\.check) == Self.names, "\(variable)")
                    let check = try #require(found[name])
                    #expect(check.level == level && check.seen.contains(seen), "\(variable) = \(value): \(check)")
                    #expect(level == "good" || check.advice != nil)
                    #expect(!found.checks.contains { $0.seen.contains("not examined") }, "\(variable): \(found)")
                }
            }
        }
    }

    /// InnoDB's writes are refused by such a server (1665), the doctor's own questions or not.
    @Test(arguments: try await TestServer.all)
    func aBinaryLogOfStatementsNeedsAnotherIsolation(_ server: TestServer) async throws {
        let hasLog = try await server.sql("SELECT @@GLOBAL.log_bin") == [["1"]]
        try await Self.withTable(server) { kv in
            try await server.withGlobal("binlog_format", "'STATEMENT'") {
                let isolated = try #require(try await Self.look(kv, url: server.url)["binary log"])
                #expect(isolated.level == "good")
                try await server.withGlobalIsolation("READ COMMITTED") {
                    let found = try await Self.look(kv, url: server.url)
                    #expect(found.checks.map(\.check) == Self.names)
                    let check = try #require(found["binary log"])
                    #expect(check.level == (hasLog ? "bad" : "good"), "\(check)")
                    if hasLog {
                        // Sessions of its own: those of the store began before.
                        let outcome = try await CommandLineTool.run(
                            ["set", "k", "--value", "1", "--table", kv.options.tableName], url: server.url)
                        #expect(outcome.exitCode == 3 && outcome.errors.contains("1665"), "\(outcome.errors)")
                    }
                }
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func theTableIsLookedAt(_ server: TestServer) async throws {
        try await Self.withTable(server) { kv in
            let alter = "ALTER TABLE \(kv.options.tableName)"
            try await server.sql(alter + " MODIFY `key` VARCHAR(100) COLLATE utf8mb4_bin NOT NULL")
            try await server.sql(alter + " ROW_FORMAT=COMPACT")
            let found = try await Self.look(kv, url: server.url)
            #expect(found["row format"]?.level == "warn" && found["row format"]?.seen == "Compact")
            #expect(found["table"]?.level == "bad")
            try await kv.dropTable()
            let missing = try await Self.look(kv, url: server.url)
            #expect(
                missing.checks.map(\.check) == Self.names.filter { !["row format", "index", "rights"].contains($0) })
        }
    }

    @Test(arguments: try await TestServer.all)
    func theAccountIsShown(_ server: TestServer) async throws {
        try await Self.withTable(server) { kv in
            try await server.withUser(granted: "ALL PRIVILEGES") { user, password in
                let url =
                    "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                let found = try await Self.look(kv, url: url)
                #expect(
                    found["account"]?.seen.contains("has the account \(user)@%, for logins from any host")
                        == true)
            }
            try await server.withUser(
                granted: "ALL PRIVILEGES", identified: { "IDENTIFIED BY '\($0)' WITH MAX_USER_CONNECTIONS 3" }
            ) { user, password in
                let url =
                    "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                let found = try #require(try await Self.look(kv, url: url)["connections"])
                #expect(found.level == "warn" && found.seen.contains("3 for this account"), "\(found)")
            }
        }
    }

    /// The result of this connection's handshake.
    @Test(arguments: try await TestServer.all)
    func whatWasVerifiedIsSaid(_ server: TestServer) async throws {
        let authority = try #require(TestServer.certificateAuthority)
        let cases = [
            ("tls=off&allow-public-key-retrieval=true", "none, to this machine"),
            ("tls=prefer", "certificate not verified"),
            ("tls=require", "certificate not verified"),
            ("tls=verify-ca&tls-ca=\(authority)", "certificate verified, host name not verified"),
            ("tls=verify-identity&tls-ca=\(authority)", "certificate and host name verified"),
        ]
        try await Self.withTable(server) { kv in
            for (parameters, seen) in cases {
                let found = try #require(try await Self.look(kv, url: server.url(parameters))["encryption"])
                #expect(found.level == "good" && found.seen.hasSuffix(seen), "\(parameters): \(found)")
            }
        }
    }

    // MARK: - Which clock

    @Test(arguments: try await TestServer.all)
    func theRowsTellWhatTheyCanOfTheClock(_ server: TestServer) async throws {
        func insert(_ kv: MySQLKvStore, _ key: String, _ end: String) async throws {
            try await server.sql("INSERT INTO `\(kv.options.tableName)` VALUES ('[\"\(key)\"]', '1', \(end))")
        }
        for (zone, ambiguous, suggested, other) in [
            ("+05:45", "UTC_TIMESTAMP(6) + INTERVAL 3 HOUR", "utc", "session-time-zone"),
            ("-11:00", "NOW(6) + INTERVAL 3 HOUR", "session-time-zone", "utc"),
        ] {
            try await Self.withTable(server) { kv in
                try await server.withGlobal("time_zone", "'\(zone)'") {
                    func check(_ arguments: String...) async throws -> Examination.Check {
                        let outcome = try await CommandLineTool.run(
                            ["doctor", "--json", "--table", kv.options.tableName] + arguments, url: server.url)
                        let found = try JSONDecoder().decode(Examination.self, from: Data(outcome.output.utf8))
                        return try #require(found["expiry clock"])
                    }
                    try await insert(kv, "for ever", "NULL")
                    #expect(try await check().seen.contains("no row has an expiry"))
                    try await insert(kv, "far", "UTC_TIMESTAMP(6) + INTERVAL 40 DAY")
                    let unknown = try await check()
                    #expect(unknown.level == "warn" && unknown.seen.contains("which clock wrote them"), "\(unknown)")
                    #expect(unknown.advice?.contains("session-time-zone if Fedify's TypeScript store") == true)
                    try await insert(kv, "between", ambiguous)
                    let told = try await check()
                    #expect(told.seen.contains("1 row live by \(suggested) and expired by \(other)"), "\(told)")
                    #expect(told.level == "warn" && told.advice?.contains("--expiry-clock \(suggested)") == true)
                    #expect(try await check("--expiry-clock", suggested).level == "good")
                    let doubted = try await check("--expiry-clock", other)
                    #expect(doubted.level == "warn" && doubted.advice?.contains("look like \(suggested)") == true)
                }
            }
        }
    }
}
