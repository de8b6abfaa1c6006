import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// The tool's commands on rows whose ends are in UTC, as this store writes them, or in the session's time zone, as the
/// TypeScript store does, where the two are not the same.
@Suite(.serialized) struct ExpiryClockTests {
    enum Clock: String, CaseIterable, Sendable {
        case utc
        case sessionTimeZone = "session-time-zone"

        var option: MySQLKvStoreOptions.ExpiryClock { self == .utc ? .utc : .sessionTimeZone }
        var now: String { self == .utc ? "UTC_TIMESTAMP(6)" : "NOW(6)" }
    }

    /// Seconds that are left: of live entries, and of expired ones.
    private static let live = [60, 3600, 45_000, 90_000, 9_000_000]
    private static let expired = [-1, -3600, -45_000, -90_000]

    private struct Bench {
        let server: TestServer
        let kv: MySQLKvStore
        let clock: Clock
        var url: String
        var table: String { kv.options.tableName }

        func run(
            _ arguments: String..., exitCode: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> CommandLineTool.Outcome {
            let outcome = try await CommandLineTool.run(
                [arguments[0], "--table", table] + arguments.dropFirst(), url: url)
            #expect(
                outcome.exitCode == exitCode, "\(arguments) \(outcome.output) \(outcome.errors)",
                sourceLocation: sourceLocation)
            return outcome
        }

        /// The keys of all rows, expired or not.
        func rows() async throws -> [String] {
            try await server.sql("SELECT `key` FROM `\(table)` ORDER BY `key`").map { $0[0] ?? "" }
        }
    }

    private static func key(_ left: Int) -> KvKey { ["k", "\(left)"] }
    private static let liveKeys = live.map { key($0).serialized }.sorted()

    /// Rows of a writer with this clock. The store itself writes every second of the live ones.
    private func fill(_ bench: Bench) async throws {
        for (index, left) in (Self.live + Self.expired).enumerated() {
            if left > 0, index % 2 == 0 {
                try await bench.kv.set(Self.key(left), left, ttl: .seconds(left))
            } else {
                try await bench.server.sql(
                    "INSERT INTO `\(bench.table)` VALUES (?, ?, \(bench.clock.now) + INTERVAL \(left) SECOND)",
                    .text(Self.key(left).serialized), .text("\(left)"))
            }
        }
    }

    private func keys(_ lines: String) throws -> [String] {
        try lines.split(separator: "\n").map { line in
            let members = try #require(JSONDocument(String(line)).members())
            return try #require(members["key"])
        }.sorted()
    }

    private func withBench<T>(
        _ server: TestServer, _ zone: String, _ clock: Clock, _ body: (Bench) async throws -> T
    ) async throws -> T {
        try await server.withGlobal("time_zone", "'\(zone)'") {
            try await server.withStore(options: { $0.expiryClock = clock.option }) { kv, _ in
                try await kv.createTable()
                let bench = Bench(server: server, kv: kv, clock: clock, url: server.url)
                try await fill(bench)
                return try await body(bench)
            }
        }
    }

    /// Kiritimati is at UTC+14, for which MariaDB takes no number; London is at UTC in winter, and not in summer.
    private static let zones = ["-11:00", "+05:45", "Pacific/Kiritimati", "America/New_York", "Europe/London"]

    @Test(arguments: try await TestServer.all, zones)
    func withTheClockNamedExactlyTheLiveRowsAreSeenAndKept(_ server: TestServer, _ zone: String) async throws {
        for clock in Clock.allCases {
            try await withBench(server, zone, clock) { bench in
                let named = "--expiry-clock=\(clock.rawValue)"
                #expect(try await bench.run("get", "k", "60", named).output == "60\n")
                _ = try await bench.run("get", named, "--", "k", "-1", exitCode: 1)
                #expect(try await bench.run("count", named).output == "\(Self.live.count)\n")
                let listed = try await bench.run("list", named)
                #expect(try keys(listed.output) == Self.liveKeys)
                let exported = try await bench.run("export", named)
                #expect(try keys(exported.output) == Self.liveKeys)
                let now = Date().timeIntervalSince1970
                for line in exported.output.split(separator: "\n") {
                    let members = try #require(JSONDocument(String(line)).members())
                    let end = try #require(Double(members["expires"] ?? ""))
                    let left = try #require(Double(members["value"] ?? ""))
                    #expect(abs(end - now - left) < 60, "\(line)")
                }
                for other in Clock.allCases {
                    try await server.withStore(options: { $0.expiryClock = other.option }) { copy, _ in
                        _ = try await bench.run(
                            "copy", named, "--to", bench.url, "--to-table", copy.options.tableName,
                            "--to-expiry-clock", other.rawValue)
                        for left in Self.live {
                            let ttl = try #require(try await copy.getWithTTL(Self.key(left))?.ttl)
                            #expect(abs(ttl / .seconds(1) - Double(left)) < 60, "\(left) to \(other)")
                        }
                        #expect(try await copy.count() == Self.live.count)
                    }
                }
                #expect(try await bench.run("stats", named).output.contains("(total)"))
                #expect(try await bench.run("sweep", named).output == "\(Self.expired.count)\n")
                #expect(try await bench.rows() == Self.liveKeys)
            }
        }
    }

    /// Nothing is guessed, and nothing is lost by it.
    @Test(arguments: try await TestServer.all, zones)
    func withoutAClockNamedNothingIsSweptOrCarried(_ server: TestServer, _ zone: String) async throws {
        try await withBench(server, zone, .sessionTimeZone) { bench in
            let before = try await bench.rows()
            let file = FileManager.default.temporaryDirectory.appending(path: "fedify-kv-\(UUID())").path()
            for arguments in [
                ["sweep"], ["export", "--output", file], ["import"],
                ["copy", "--to", bench.url, "--to-table", bench.table + "_copy"],
                ["copy", "--expiry-clock", "utc", "--to", bench.url, "--to-table", bench.table + "_copy"],
            ] {
                let refused = try await CommandLineTool.run(arguments + ["--table", bench.table], url: bench.url)
                #expect(refused.exitCode == 2 && refused.output.isEmpty, "\(arguments) \(refused.output)")
                let option = arguments.count == 7 ? "--to-expiry-clock" : "--expiry-clock"
                for part in ["\(option) utc", "\(option) session-time-zone", zone] {
                    #expect(refused.errors.contains(part), "\(part): \(refused.errors)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: file))
            #expect(try await bench.rows() == before)
            #expect(try await server.sql("SHOW TABLES LIKE '\(bench.table)\\_copy'").isEmpty)
        }
    }

    /// Without a difference no clock needs to be given.
    @Test(arguments: try await TestServer.all, ["+00:00", "UTC", "Africa/Abidjan"])
    func atUTCNoClockIsAskedFor(_ server: TestServer, _ zone: String) async throws {
        try await withBench(server, zone, .sessionTimeZone) { bench in
            let exported = try await bench.run("export")
            #expect(try keys(exported.output) == Self.liveKeys)
            #expect(try await bench.run("sweep").output == "\(Self.expired.count)\n")
            #expect(try await bench.rows() == Self.liveKeys)
        }
    }

    /// Sessions before and after the clocks go back in Berlin, at 2026-10-25 01:00 UTC, when 03:00 becomes 02:00.
    @Test(arguments: try await TestServer.all)
    func aDaylightSavingChangeLosesNothing(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.createTable()
            let table = kv.options.tableName
            try await server.withUser(granted: "ALL PRIVILEGES") { user, password in
                let url =
                    "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                    + "?allow-public-key-retrieval=true"
                let ordinary = try MySQLConfiguration(url: url)
                /// The time that a session sees at this moment, for accounts without special rights.
                func at(_ time: String, _ body: () async throws -> Void) async throws {
                    let unix = try await server.sql("SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', '\(time)')")[0][0] ?? ""
                    try await server.withGlobal(
                        "init_connect", "\"SET time_zone = 'Europe/Berlin', timestamp = \(unix)\"", body)
                }
                func tool(_ arguments: String...) async throws -> String {
                    let outcome = try await CommandLineTool.run(
                        arguments + ["--table", table, "--expiry-clock", "session-time-zone"], url: url)
                    #expect(outcome.exitCode <= 1, "\(arguments) \(outcome.errors)")
                    return outcome.output
                }
                func expect(_ arguments: String..., output: String) async throws {
                    let outcome = try await CommandLineTool.run(
                        arguments + ["--table", table, "--expiry-clock", "session-time-zone"], url: url)
                    #expect(outcome.output == output, "\(arguments) \(outcome.errors)")
                }
                // At 02:30 summer time the TypeScript store writes for two hours: until 04:30 by the zone's clock.
                try await at("2026-10-25 00:30:00") {
                    let typeScript = try MySQLPool(ordinary)
                    try await typeScript.withConnection { connection in
                        for (key, life) in [("two hours", 7200), ("half an hour", 1800)] {
                            try await connection.query(
                                "INSERT INTO `\(table)` VALUES ('[\"\(key)\"]', '1', DATE_ADD(NOW(6), INTERVAL \(life) SECOND))"
                            )
                        }
                    }
                    await typeScript.close()
                    try await expect("count", output: "2\n")
                }
                // At 02:45 winter time, after the change: the half hour, until 03:00 by the clock, isn't over yet.
                try await at("2026-10-25 01:45:00") {
                    try await expect("sweep", output: "0\n")
                    let listed = try await tool("list")
                    #expect(listed.split(separator: "\n").count == 2)
                    // Until 04:30 winter time, which is 03:30 UTC.
                    let exported = try await tool("export", "two hours")
                    #expect(exported.contains("\"expires\":1792899000.000000"), "\(exported)")
                }
                try await at("2026-10-25 02:01:00") {
                    try await expect("count", output: "1\n")
                    try await expect("sweep", output: "1\n")
                    try await expect("get", "two hours", output: "1\n")
                }
                try await at("2026-10-25 03:29:00") { try await expect("sweep", output: "0\n") }
                try await at("2026-10-25 03:31:00") { try await expect("sweep", output: "1\n") }
            }
        }
    }
}
