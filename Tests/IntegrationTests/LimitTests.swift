import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// The store's limits: refusals are clear, change nothing, and don't affect later operations.
@Suite struct LimitTests {
    private func nested(_ depth: Int) -> JSONValue {
        JSONValue(uncheckedJSON: String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
    }

    /// The serialized text has `length` scalars.
    private func key(_ length: Int, of filler: String) -> KvKey {
        KvKey([String(repeating: filler, count: length - 4)])
    }

    @Test(arguments: try await TestServer.all, ["x", "é", "😀"])
    func aKeyOf768ScalarsIsTheLongest(_ server: TestServer, _ filler: String) async throws {
        try await server.withStore { kv, _ in
            let longest = key(768, of: filler)
            #expect(longest.serialized.unicodeScalars.count == 768)
            try await kv.set(longest, 1)
            #expect(try await kv.get(longest, as: Int.self) == 1)
            #expect(try await kv.cas(longest, expected: 1, new: 2))
            var listed: [KvKey] = []
            for try await entry in kv.list(prefix: longest) { listed.append(entry.key) }
            #expect(listed == [longest])

            let tooLong = key(769, of: filler)
            let entry = KvEntry(key: tooLong, value: .null)
            let operations: [@Sendable () async throws -> Void] = [
                { _ = try await kv.get(tooLong) },
                { try await kv.set(tooLong, 1) },
                { try await kv.delete(tooLong) },
                { _ = try await kv.cas(tooLong, expected: nil, new: 1) },
                { for try await _ in kv.list(prefix: tooLong) {} },
                { _ = try await kv.count(prefix: tooLong) },
                { _ = try await kv.getWithTTL(tooLong) },
                { try await kv.setKeepingExpiry(tooLong, .null) },
                { _ = try await kv.get(keys: [longest, tooLong]) },
                { try await kv.set(entries: [entry]) },
                { try await kv.delete(keys: [longest, tooLong]) },
                { try await kv.delete(prefix: tooLong) },
            ]
            for operation in operations {
                let error = await #expect(throws: KvError.self) { try await operation() }
                #expect(error?.code == .keyTooLong)
                #expect(error?.message.contains("769") == true && error?.message.contains("768") == true)
            }
            #expect(try await kv.get(longest, as: Int.self) == 2)
        }
    }

    /// A constraint of the table's owner is reported as such, and for one row only.
    @Test(
        arguments: try await TestServer.all,
        [
            ("ALTER TABLE %@ ADD CONSTRAINT mine CHECK (`key` <> '[\"bad\"]')", "mine"),
            (
                "CREATE TRIGGER %@_mine BEFORE INSERT ON %@ FOR EACH ROW IF NEW.`key` = '[\"bad\"]' THEN SIGNAL "
                    + "SQLSTATE '45000' SET MESSAGE_TEXT = 'not mine'; END IF", "not mine"
            ),
        ])
    func aRuleOfTheTableRefusesOneRowAlone(_ server: TestServer, _ rule: (sql: String, name: String)) async throws {
        try await server.withStore(poolSize: 1) { kv, _ in
            try await kv.createTable()
            let sql = rule.sql.replacing("%@", with: kv.options.tableName)
            // A trigger is created by the text protocol.
            let maker = try server.pool(1) { $0.sessionSetup = [sql] }
            try await maker.withConnection { _ in }
            await maker.close()
            let results = await withTaskGroup(of: (Int, KvError?).self) { group in
                for number in 0..<100 {
                    group.addTask {
                        do {
                            try await kv.set(number == 50 ? ["bad"] : ["k", "\(number)"], 1)
                            return (number, nil)
                        } catch {
                            return (number, error as? KvError)
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(results.keys.sorted() == [50])
            #expect(results[50]?.code == .serverError)
            #expect(results[50]?.message.contains(rule.name) == true, "\(results[50]?.message ?? "")")
            #expect(try await kv.count() == 99)
        }
    }

    @Test(arguments: try await TestServer.all)
    func nestingIsTakenAsDeepAsTheServerTakesIt(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            // Found out, not assumed: the deepest that a statement of ours gets into the table.
            try await kv.createTable()
            var deepest = 0
            for depth in 1...200 {
                let stored = try? await server.sql(
                    "INSERT INTO `\(kv.options.tableName)` VALUES ('probe', ?, NULL) ON DUPLICATE KEY UPDATE `value` = "
                        + "VALUES(`value`)", .text(nested(depth).json))
                if stored == nil { break }
                deepest = depth
            }
            try await server.sql("DELETE FROM `\(kv.options.tableName)`")
            #expect(deepest >= 30)
            try await kv.set(["k"], nested(deepest))
            #expect(try await kv.get(["k"]) == nested(deepest))
            if deepest < 200 {
                let set = await #expect(throws: KvError.self) { try await kv.set(["k"], nested(deepest + 1)) }
                #expect(set?.code == .unsupportedValue)
                let swap = await #expect(throws: KvError.self) {
                    try await kv.cas(["k"], expected: nested(deepest), new: nested(deepest + 1))
                }
                #expect(swap?.code == .unsupportedValue)
            }
            #expect(try await kv.get(["k"]) == nested(deepest))
        }
    }

    private func text(_ size: Int) -> JSONValue {
        JSONValue(uncheckedJSON: "\"" + String(repeating: "x", count: size - 2) + "\"")
    }

    /// The lower of the client's limit and the server's holds; the client's keeps this test small.
    @Test(arguments: try await TestServer.all)
    func aValueMayBeAsLargeAsAPacket(_ server: TestServer) async throws {
        let limit = 1 << 20
        try await server.withStore(poolSize: 1, maximumPacketSize: limit) { kv, _ in
            let largest = text(limit - 520)
            try await kv.set(["k"], largest)
            #expect(try await kv.get(["k"]) == largest)
            for size in [limit - 400, limit, limit + 1, limit * 2] {
                let error = await #expect(throws: KvError.self) { try await kv.set(["k"], text(size)) }
                #expect(error?.code == .valueTooLarge)
                #expect(error?.message.contains("\(size)") == true && error?.message.contains("\(limit)") == true)
                let swap = await #expect(throws: KvError.self) {
                    try await kv.cas(["k"], expected: nil, new: text(size))
                }
                #expect(swap?.code == .valueTooLarge)
                #expect(try await kv.get(["k"]) == largest)
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func aValueOfTheServersLimitIsStoredAndPastItRefused(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, pool in
            let connection = try await pool.id()
            let limit = server.server.maximumPacketSize
            let largest = text(limit - 520)
            try await kv.set(["k"], largest)
            #expect(try await kv.get(["k"])?.json.utf8.count == largest.json.utf8.count)
            let error = await #expect(throws: KvError.self) { try await kv.set(["k"], text(limit)) }
            #expect(error?.code == .valueTooLarge)
            #expect(try await kv.get(["k"])?.json.utf8.count == largest.json.utf8.count)
            // Nothing was sent that broke the connection.
            #expect(try await pool.id() == connection)
        }
    }

    /// Text grows when MySQL writes it: a space after each comma, and doubles in its own way. What is stored can
    /// be read.
    @Test(arguments: try await TestServer.all, ["1", "1e9", "0.5", "{\"a\":1}"])
    func whatIsStoredCanBeRead(_ server: TestServer, _ element: String) async throws {
        let limit = 1 << 17
        try await server.withStore(poolSize: 1, maximumPacketSize: limit) { kv, _ in
            var outcomes: [Bool] = []
            for count in stride(from: 1, to: limit, by: 7001) {
                let value = JSONValue(
                    uncheckedJSON: "[" + repeatElement(element, count: count).joined(separator: ",") + "]")
                do {
                    try await kv.set(["k"], value)
                    #expect(try await kv.get(["k"]) == value)
                    outcomes.append(true)
                } catch let error as KvError {
                    #expect(error.code == .valueTooLarge)
                    outcomes.append(false)
                }
            }
            // Small ones are taken, large ones refused.
            #expect(outcomes.first == true && outcomes.last == false)
        }
    }

    @Test(arguments: try await TestServer.all)
    func numbersAreKeptExactlyOrRefused(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let exact = [
                "0", "-0", "1.0", "1e0", "9007199254740992", "9007199254740993", "9223372036854775807",
                "-9223372036854775808", "18446744073709551615", "0.1", "1.5e300", "5e-324", "123456789.125", "1e20",
                "100000000000000000000", "0.30000000000000004",
            ]
            for number in exact {
                let value = try JSONValue(json: number)
                try await kv.set(["n"], value)
                let read = try #require(try await kv.get(["n"]))
                #expect(read == value, "\(number) came back as \(read)")
                #expect(try await kv.cas(["n"], expected: value, new: value), "\(number)")
            }
            let beyond = ["18446744073709551616", "-9223372036854775809", "0.1234567890123456789", "1e400", "1e-400"]
            for number in beyond {
                let value = try JSONValue(json: number)
                try await kv.set(["n"], "before")
                do {
                    try await kv.set(["n"], value)
                    // MariaDB keeps the text.
                    #expect(server.isMariaDB)
                    #expect(try await kv.get(["n"]) == value)
                } catch let error as KvError {
                    #expect(!server.isMariaDB && error.code == .unsupportedValue, "\(number): \(error)")
                    #expect(try await kv.get(["n"], as: String.self) == "before")
                    // It isn't equal to the number that it would be rounded to either.
                    try await kv.set(["n"], JSONValue(uncheckedJSON: "18446744073709551615"))
                    #expect(try await !kv.cas(["n"], expected: value, new: .null))
                }
            }
        }
    }

    @Test(arguments: ["", "1a", "a-b", "a b", "a`b", "tablé", "a;DROP", String(repeating: "x", count: 51)])
    func aBadTableNameIsRefused(_ name: String) async throws {
        let server = try #require(try await TestServer.all.first)
        var options = MySQLKvStoreOptions()
        options.tableName = name
        let error = #expect(throws: KvError.self) { try MySQLKvStore(server.pool(1), options: options) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test(arguments: try await TestServer.all)
    func aTableNameOf50CharactersWorks(_ server: TestServer) async throws {
        let name =
            "T_" + String(UUID().uuidString.replacing("-", with: "") + String(repeating: "x", count: 50)).prefix(48)
        try await server.withStore(options: { $0.tableName = name }) { kv, _ in
            try await kv.set(["k"], 1, ttl: .zero)
            #expect(try await kv.deleteExpired() == 1)
        }
    }

    @Test(
        arguments: try await TestServer.all,
        [
            "", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
            "ANSI,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION",
        ])
    func keysMeanNothingSpecialUnderAnySQLMode(_ server: TestServer, _ mode: String) async throws {
        let special = [
            "%", "_", "\\", "'", "\"", "`", "\\%", "'; DROP TABLE x; --", "\u{1}", "a%b", "axb", "a_b", "?",
            "') OR 1=1 -- ", "\\' OR 1=1 #", "1 OR 1=1", "/*! SELECT 1 */", "\u{0}", "\r\n", "\u{1A}", "\u{BF}'",
            "\u{FF07}",
            "\u{2BC}", "NULL", "x' UNION SELECT user() -- ", "; SHUTDOWN", "\\\\'", "@@version", "%s%n", "${x}",
            "\u{202E}",
        ]
        try await server.withStore(session: ["SET SESSION sql_mode = '\(mode)'"]) { kv, _ in
            try await kv.set(["bystander"], "b")
            for text in special {
                try await kv.set([text], text, ttl: .seconds(1000))
                try await kv.set([text, text], text)
            }
            for text in special {
                #expect(try await kv.get([text], as: String.self) == text)
                var below: [KvKey] = []
                for try await entry in kv.list(prefix: [text]) { below.append(entry.key) }
                #expect(below == [[text, text], [text]])
                #expect(try await kv.count(prefix: [text]) == 2)
                #expect(try await kv.cas([text], expected: text, new: "'" + text))
                #expect(try await kv.get(keys: [[text], [text, text]]).count == 2)
                #expect(try await !kv.cas([text], expected: text, new: nil as String?))
                #expect(try await kv.cas([text], expected: "'" + text, new: nil as String?))
                #expect(try await kv.get([text]) == nil)
                try await kv.set(
                    entries: [KvEntry(key: [text], value: JSONValue(encoding: [text: text]))], ttl: .seconds(9))
                #expect(try await kv.get([text], as: [String: String].self) == [text: text])
                try await kv.delete([text])
                #expect(try await kv.count(prefix: [text]) == 1)
                #expect(try await kv.delete(prefix: [text]) == 1)
                #expect(try await kv.count(prefix: [text]) == 0)
            }
            #expect(try await kv.get(["bystander"], as: String.self) == "b")
            #expect(try await kv.count() == 1)
        }
    }
}
