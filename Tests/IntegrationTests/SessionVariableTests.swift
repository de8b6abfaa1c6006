import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Whatever the server begins sessions with, the store's answers are right: every session variable that the server has
/// is set globally to other values, one at a time.
@Suite(.serialized) struct SessionVariableTests {
    /// A variable, and values that it doesn't have.
    struct Variable: Sendable {
        let name: String
        let value: String
        let others: [String]
    }

    /// What can't be set here, or changes what everybody can do, with the reason.
    static let excepted: [String: String] = [
        "max_allowed_packet": "a limit that is the operator's: values above it are refused by name",
        "max_user_connections": "a limit that is the operator's",
        "max_connections": "a limit that is the operator's",
    ]

    /// `make test` takes every so many variables, those of the field's reports always; `make test-faults` takes all.
    private static let isThorough = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULT_TIMES"] != nil
    private static let reported: Set<String> = [
        "completion_type", "sql_select_limit", "sql_mode", "tx_read_only", "transaction_read_only", "tx_isolation",
        "transaction_isolation", "max_session_mem_used", "sql_safe_updates", "max_join_size", "sort_buffer_size",
        "autocommit", "sql_big_selects", "max_sort_length", "character_set_client", "collation_connection", "time_zone",
    ]

    private func variables(_ server: TestServer) async throws -> [Variable] {
        let limits =
            if server.isMariaDB {
                """
                SELECT LOWER(VARIABLE_NAME), NUMERIC_MIN_VALUE, NUMERIC_MAX_VALUE \
                FROM information_schema.SYSTEM_VARIABLES WHERE NUMERIC_MIN_VALUE IS NOT NULL
                """
            } else {
                "SELECT VARIABLE_NAME, MIN_VALUE, MAX_VALUE FROM performance_schema.variables_info WHERE MAX_VALUE > 0"
            }
        var ranges: [String: [String]] = [:]
        for row in try await server.sql(limits) {
            guard let name = row[0], let least = row[1], let most = row[2] else { continue }
            ranges[name] = [least, most]
        }
        var found: [Variable] = []
        for row in try await server.sql("SHOW GLOBAL VARIABLES") {
            guard let name = row[0], let value = row[1], Self.excepted[name] == nil else { continue }
            // A variable of the server as a whole has no value of a session's own.
            guard (try? await server.sql("SET SESSION \(name) = @@SESSION.\(name)")) != nil else { continue }
            found.append(Variable(name: name, value: value, others: Self.others(name, value, ranges[name])))
        }
        return found
    }

    private static func others(_ name: String, _ value: String, _ range: [String]?) -> [String] {
        switch (name, value) {
        case (_, "ON"): ["0"]
        case (_, "OFF"): ["1"]
        // Together those that change what texts mean; then each, by the bits of a number.
        case ("sql_mode", _):
            ["'EMPTY_STRING_IS_NULL,ANSI,NO_BACKSLASH_ESCAPES'", "'ANSI,NO_BACKSLASH_ESCAPES'"]
                + (0..<36).map { "\(1 << $0)" }
        case ("time_zone", _): ["'+05:45'", "'Europe/London'"]
        case ("optimizer_switch", _):
            value.split(separator: ",").map { flag in
                "'" + (flag.hasSuffix("=on") ? flag.dropLast(2) + "off" : flag.dropLast(3) + "on") + "'"
            }
        case _ where range != nil: range!.filter { $0 != value }
        // Members of an enumeration have numbers, too.
        default: (0..<6).map(String.init)
        }
    }

    @Test(arguments: try await TestServer.all)
    func everyOtherValueLeavesTheAnswersRight(_ server: TestServer) async throws {
        let settings = try await forEachSetting(server) { _, witness in try await Self.check(server, witness) }
        #expect(settings > (Self.isThorough ? 150 : 15))
    }

    /// The same for each command of the tool, which is a process of its own each time: without the thorough form, one other
    /// value of each variable that was reported.
    @Test(arguments: try await TestServer.all)
    func everyOtherValueLeavesTheToolRight(_ server: TestServer) async throws {
        let reported = Self.reported.subtracting(["sort_buffer_size", "max_sort_length", "collation_connection"])
        let settings = try await forEachSetting(
            server, of: reported, valuesOfEach: Self.isThorough ? .max : 1
        ) { variable, _ in
            try await ToolContract(server: server, variable: variable).check()
        }
        #expect(settings > (Self.isThorough ? 150 : 9))
    }

    /// And what a process was told is done is there after a crash of it.
    @Test(arguments: try await TestServer.all)
    func everyOtherValueLeavesWhatWasAcknowledged(_ server: TestServer) async throws {
        let settings = try await forEachSetting(server, valuesOfEach: Self.isThorough ? .max : 1) { _, witness in
            try await Self.checkCrash(server, witness)
        }
        #expect(settings > (Self.isThorough ? 150 : 9))
    }

    private static func checkCrash(_ server: TestServer, _ witness: MySQLPool) async throws {
        let table = TestServer.newTableName()
        let pipe = try PipeProcess(url: server.url, table: table, concurrency: 64)
        let result = await Result {
            try await withThrowingTaskGroup { group in
                for number in 0..<40 {
                    group.addTask {
                        try await pipe.set(["k", "\(number)"], JSONValue(uncheckedJSON: "1"), ttl: nil)
                        let isSwapped = try await pipe.cas(
                            ["k", "\(number)"], expected: JSONValue(uncheckedJSON: "1"),
                            new: JSONValue(uncheckedJSON: "2"), ttl: nil)
                        if !isSwapped { throw Wrong(description: "cas of \(number)") }
                    }
                }
                try await group.waitForAll()
            }
        }
        pipe.kill9()
        var left: Int64?
        try await witness.withConnection { connection in
            try await connection.query("SELECT COUNT(*) FROM `\(table)` WHERE JSON_EXTRACT(`value`, '$') = 2") {
                left = $0.integer(0)
            }
            _ = try await connection.query("DROP TABLE IF EXISTS `\(table)`")
        }
        try result.get()
        if left != 40 { throw Wrong(description: "\(left ?? -1) of 40 rows are left after a crash") }
    }

    /// Sets one variable after the other, globally.
    ///
    /// - Returns: How many values could be set.
    private func forEachSetting(
        _ server: TestServer, of reported: Set<String> = reported, valuesOfEach limit: Int = .max,
        _ check: (String, MySQLPool) async throws -> Void
    ) async throws -> Int {
        let admin = try server.pool(1)
        let witness = try server.pool(1)
        // Opened before anything is changed.
        try await witness.withConnection { try await $0.query("DO 1") }
        var settings = 0
        for variable in try await variables(server) where Self.isThorough || reported.contains(variable.name) {
            var values = 0
            for other in variable.others where values < limit {
                let isSet = try await admin.withConnection { connection in
                    guard (try? await connection.query("SET GLOBAL \(variable.name) = \(other)")) != nil else {
                        return false
                    }
                    var present: String?
                    try await connection.query("SHOW GLOBAL VARIABLES LIKE '\(variable.name)'") { present = $0.text(1) }
                    return present != variable.value
                }
                guard isSet else { continue }
                settings += 1
                values += 1
                let result = await Result { try await check(variable.name, witness) }
                try await admin.withConnection { connection in
                    let isNumber = Double(variable.value) != nil || ["ON", "OFF"].contains(variable.value)
                    let former = isNumber ? variable.value : "'\(variable.value)'"
                    try await connection.query("SET GLOBAL \(variable.name) = \(former)")
                }
                if case .failure(let error) = result {
                    Issue.record("\(variable.name) = \(other): \(error)")
                }
            }
        }
        await admin.close()
        await witness.close()
        return settings
    }

    struct Wrong: Error, CustomStringConvertible {
        let description: String
    }

    /// A small contract: a burst of each operation, what others see of it, and upkeep.
    private static func check(_ server: TestServer, _ witness: MySQLPool) async throws {
        @Sendable func expect(_ isRight: Bool, _ what: String) throws { if !isRight { throw Wrong(description: what) } }
        let pool = try server.pool(2) { $0.operationTimeout = .seconds(20) }
        var options = MySQLKvStoreOptions()
        options.tableName = TestServer.newTableName()
        options.upkeep.isAutomatic = false
        let kv = try MySQLKvStore(pool, options: options)
        @Sendable func key(_ number: Int) -> KvKey { ["k", "\(number)"] }
        func each(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
            try await withThrowingTaskGroup { group in
                for number in 0..<40 { group.addTask { try await body(number) } }
                try await group.waitForAll()
            }
        }
        func seen() async throws -> [String: String] {
            try await witness.withConnection { connection in
                var rows: [String: String] = [:]
                try await connection.query(
                    "SELECT `key`, JSON_EXTRACT(`value`, '$') FROM `\(options.tableName)`", maximumRows: 1000
                ) { row in
                    rows[row.text(0) ?? ""] = row.text(1)
                }
                return rows
            }
        }
        let result = await Result {
            try await each { try await kv.set(key($0), $0) }
            try await kv.set(["", ""], "")
            try await each { number in
                let won = try await kv.cas(key(number), expected: number, new: number + 1000)
                let lost = try await kv.cas(key(number), expected: number, new: 0)
                try expect(won && !lost, "cas of \(number): \(won), \(lost)")
            }
            try await each { number in
                let (value, none) = (try await kv.get(key(number), as: Int.self), try await kv.get(key(number + 500)))
                try expect(value == number + 1000 && none == nil, "get of \(number)")
            }
            try expect(try await kv.get(["", ""], as: String.self) == "", "the empty string")
            try expect(try await seen().count == 41, "others see \(try await seen().count) of 41 rows")
            let seventh = try await seen()[key(7).serialized]
            try expect(seventh == "1007", "others see \(seventh ?? "-")")
            try await each { if $0 % 2 == 1 { try await kv.delete(key($0)) } }
            try await each { number in
                if number % 2 == 1 {
                    try expect(try await kv.cas(key(number), expected: nil, new: 1, ttl: .seconds(60)), "claims")
                }
            }
            try await kv.set(["x"], 1, ttl: .zero)
            var listed = 0
            for try await _ in kv.list(prefix: ["k"]) { listed += 1 }
            try expect(listed == 40, "lists \(listed) of 40")
            let count = try await kv.count()
            try expect(count == 41, "counts \(count) of 41")
            let removed = try await kv.deleteExpired()
            try expect(removed == 1, "removes \(removed) of 1 expired")
            try expect(try await seen().count == 41, "others see \(try await seen().count) of 41 rows in the end")
        }
        await pool.close()
        try await witness.withConnection { _ = try await $0.query("DROP TABLE IF EXISTS `\(options.tableName)`") }
        try result.get()
    }
}
