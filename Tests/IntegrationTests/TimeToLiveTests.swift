import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Expiry by the server's clock, in UTC, whatever time zones there are.
@Suite struct TimeToLiveTests {
    /// Sessions that believe it to be another time of day than ours. The change to winter time in Berlin was at
    /// 2026-10-25 01:00 UTC, when 03:00 became 02:00.
    private static func session(_ zone: String, at time: String? = nil) -> [String] {
        let zone = "SET SESSION time_zone = '\(zone)'"
        guard let time else { return [zone] }
        return [
            "SET SESSION time_zone = '+00:00'",
            "SET SESSION timestamp = UNIX_TIMESTAMP('\(time)')",
            zone,
        ]
    }

    @Test(arguments: try await TestServer.all)
    func clientsInDifferentTimeZonesAgree(_ server: TestServer) async throws {
        try await server.withStore(session: Self.session("+11:00")) { east, _ in
            let west = try server.another(east, session: Self.session("-08:00"))
            try await east.set(["from east"], 1, ttl: .seconds(3600))
            try await west.set(["from west"], 2, ttl: .seconds(3600))
            try await east.set(["short"], 3, ttl: .milliseconds(1))
            for kv in [east, west] {
                #expect(try await kv.get(["from east"], as: Int.self) == 1)
                #expect(try await kv.get(["from west"], as: Int.self) == 2)
                for key: KvKey in [["from east"], ["from west"]] {
                    let left = try #require(try await kv.getWithTTL(key)?.ttl)
                    #expect(left > .seconds(3500) && left <= .seconds(3600))
                }
            }
            try await eventually { try await west.get(["short"]) == nil }
            await west.pool.close()
        }
    }

    /// The stored date is UTC, as plain SQL shows.
    @Test(arguments: try await TestServer.all)
    func expiryIsStoredInUTC(_ server: TestServer) async throws {
        try await server.withStore(session: Self.session("+05:30")) { kv, _ in
            try await kv.set(["k"], 1, ttl: .seconds(1000))
            let left = try await server.sql(
                "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), `expires`) FROM `\(kv.options.tableName)`")
            #expect((980...1000).contains(Int(left[0][0] ?? "") ?? 0))
        }
    }

    @Test(arguments: try await TestServer.all)
    func aDaylightSavingChangeAltersNoLife(_ server: TestServer) async throws {
        let zones = try await server.sql("SELECT CONVERT_TZ('2026-10-25 00:30:00', 'UTC', 'Europe/Berlin')")
        try #require(zones == [["2026-10-25 02:30:00"]], "the server needs its time zone tables")
        func store(_ kv: MySQLKvStore, at time: String) throws -> MySQLKvStore {
            try server.another(kv, poolSize: 1, session: Self.session("Europe/Berlin", at: time))
        }
        try await server.withStore { kv, _ in
            // Half an hour before the clocks go back, for two hours.
            let writer = try store(kv, at: "2026-10-25 00:30:00")
            try await writer.set(["autumn"], 1, ttl: .seconds(7200))
            let inTheSecondHour = try store(kv, at: "2026-10-25 01:30:00")
            let left = try await inTheSecondHour.getWithTTL(["autumn"])?.ttl
            #expect(left.map { $0 > .seconds(3590) && $0 <= .seconds(3600) } == true)
            let justBefore = try store(kv, at: "2026-10-25 02:29:59")
            #expect(try await justBefore.get(["autumn"], as: Int.self) == 1)
            let after = try store(kv, at: "2026-10-25 02:30:01")
            #expect(try await after.get(["autumn"]) == nil)

            // An hour before they go forward: 2026-03-29 01:00 UTC.
            let spring = try store(kv, at: "2026-03-29 00:00:00")
            try await spring.set(["spring"], 1, ttl: .seconds(7200))
            let beforeTheEnd = try store(kv, at: "2026-03-29 01:59:59")
            #expect(try await beforeTheEnd.get(["spring"], as: Int.self) == 1)
            let afterTheEnd = try store(kv, at: "2026-03-29 02:00:01")
            #expect(try await afterTheEnd.get(["spring"]) == nil)
            for used in [writer, inTheSecondHour, justBefore, after, spring, beforeTheEnd, afterTheEnd] {
                await used.pool.close()
            }
        }
    }

    /// The option for a table shared with the TypeScript store, which writes `NOW(6)` plus the ttl.
    @Test(arguments: try await TestServer.all)
    func theSessionsTimeZoneCanBeFollowed(_ server: TestServer) async throws {
        try await server.withStore(
            session: Self.session("+09:00"), options: { $0.expiryClock = .sessionTimeZone }
        ) { kv, _ in
            try await kv.createTable()
            let table = kv.options.tableName
            let typeScript = try server.pool(1) { $0.sessionSetup = Self.session("+09:00") }
            try await typeScript.withConnection { connection in
                try await connection.query(
                    "INSERT INTO `\(table)` VALUES ('[\"ts\"]', '1', DATE_ADD(NOW(6), INTERVAL 100 SECOND))")
                try await connection.query(
                    "INSERT INTO `\(table)` VALUES ('[\"old\"]', '1', DATE_SUB(NOW(6), INTERVAL 1 SECOND))")
            }
            let left = try #require(try await kv.getWithTTL(["ts"])?.ttl)
            #expect(left > .seconds(60) && left <= .seconds(100))
            #expect(try await kv.get(["old"]) == nil)
            try await kv.set(["ours"], 1, ttl: .seconds(100))
            let seen = try await typeScript.withConnection { connection in
                var keys: [String?] = []
                try await connection.query(
                    "SELECT `key` FROM `\(table)` WHERE `expires` > NOW(6) ORDER BY `key`", maximumRows: 9
                ) { keys.append($0.text(0)) }
                return keys
            }
            #expect(seen == ["[\"ours\"]", "[\"ts\"]"])
            await typeScript.close()
        }
    }

    @Test(arguments: try await TestServer.all)
    func limits(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(["k"], "before")
            let year9999 = try await server.sql(
                "SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), '9999-12-31 23:59:59.999999')")
            let longest = Duration.microseconds(try #require(Int64(year9999[0][0] ?? "")))
            for ttl in [Duration.nanoseconds(-1), .seconds(-5), longest + .seconds(60), .seconds(Int64.max)] {
                let error = await #expect(throws: KvError.self) { try await kv.set(["k"], "after", ttl: ttl) }
                #expect(error?.code == .invalidTTL)
                let swap = await #expect(throws: KvError.self) {
                    try await kv.cas(["k"], expected: "before", new: "after", ttl: ttl)
                }
                #expect(swap?.code == .invalidTTL)
                #expect(try await kv.get(["k"], as: String.self) == "before")
            }
            try await kv.set(["longest"], 1, ttl: longest - .seconds(60))
            #expect(try await kv.get(["longest"], as: Int.self) == 1)
            try await kv.set(["zero"], 1, ttl: .zero)
            #expect(try await kv.get(["zero"]) == nil)
            // A nanosecond is rounded up to a microsecond.
            try await kv.set(["short"], 1, ttl: .nanoseconds(1))
            try await eventually { try await kv.get(["short"]) == nil }
        }
    }

    @Test(arguments: try await TestServer.all)
    func expiryIsReadAndKept(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            #expect(try await kv.getWithTTL(["k"]) == nil)
            try await kv.set(["k"], 1)
            let forEver = try #require(try await kv.getWithTTL(["k"]))
            #expect(forEver.value == JSONValue(uncheckedJSON: "1") && forEver.ttl == nil)
            try await kv.setKeepingExpiry(["k"], JSONValue(uncheckedJSON: "2"))
            let changed = try #require(try await kv.getWithTTL(["k"]))
            #expect(changed.value == JSONValue(uncheckedJSON: "2") && changed.ttl == nil)

            try await kv.set(["k"], 3, ttl: .seconds(500))
            try await kv.setKeepingExpiry(["k"], JSONValue(uncheckedJSON: "4"))
            let kept = try #require(try await kv.getWithTTL(["k"]))
            #expect(kept.value == JSONValue(uncheckedJSON: "4"))
            #expect(kept.ttl.map { $0 > .seconds(400) && $0 <= .seconds(500) } == true)

            // Over an expired entry, and over none, the new one never expires.
            try await kv.set(["k"], 5, ttl: .zero)
            for key: KvKey in [["k"], ["new"]] {
                try await kv.setKeepingExpiry(key, JSONValue(uncheckedJSON: "6"))
                let new = try #require(try await kv.getWithTTL(key))
                #expect(new.value == JSONValue(uncheckedJSON: "6") && new.ttl == nil)
            }
        }
    }
}
