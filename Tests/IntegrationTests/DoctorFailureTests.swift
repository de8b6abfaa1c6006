import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// `fedify-kv doctor` where its own statements fail, or are answered as by a server that is not here.
@Suite(.serialized) struct DoctorFailureTests {
    /// A proxy before the server, by which the doctor's own statements can be replaced, counted from 0.
    private func withProxy(
        _ server: TestServer, _ body: (Proxy, String, NIOLockedValueBox<Int>) async throws -> Void
    ) async throws {
        let proxy = try Proxy(to: server.ports[0])
        let url = server.url("tls=off&allow-public-key-retrieval=true")
            .replacing(":\(server.ports[0])/", with: ":\(proxy.port)/")
        try await body(proxy, url, NIOLockedValueBox(0))
        proxy.down()
    }

    private static func isOfDoctor(_ command: [UInt8]) -> Bool {
        let text = String(decoding: command.dropFirst(), as: UTF8.self)
        return command.first == 3 && !text.hasPrefix("SET ") && !text.contains("max_allowed_packet, VERSION()")
    }

    private static let failure = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'broken on purpose'"

    @Test(arguments: try await TestServer.all)
    func eachStatementMayFail(_ server: TestServer) async throws {
        try await DoctorTests.withTable(server) { kv in
            try await withProxy(server) { proxy, url, count in
                proxy.rewrite { command in
                    if Self.isOfDoctor(command) { count.withLockedValue { $0 += 1 } }
                    return .asItIs
                }
                let well = try await DoctorTests.look(kv, url: url)
                let statements = count.withLockedValue(\.self)
                #expect(well.checks.map(\.check) == DoctorTests.names && statements >= DoctorTests.names.count)
                var broken: [String] = []
                for number in 0..<statements {
                    count.withLockedValue { $0 = 0 }
                    proxy.rewrite { command in
                        guard Self.isOfDoctor(command) else { return .asItIs }
                        let mine = count.withLockedValue { count in
                            defer { count += 1 }
                            return count
                        }
                        return mine == number ? .statement(Self.failure) : .asItIs
                    }
                    let found = try await DoctorTests.look(kv, url: url)
                    #expect(found.checks.map(\.check) == DoctorTests.names, "statement \(number)")
                    let changed = found.checks.filter { check in
                        check.seen.contains("broken on purpose") && check.seen.contains("error 1644")
                    }
                    #expect(changed.count == 1 && changed.allSatisfy { $0.level == "warn" }, "\(number): \(changed)")
                    broken += changed.map(\.check)
                    for check in found.checks where !changed.contains(where: { $0.check == check.check }) {
                        #expect(check.level == well[check.check]?.level, "statement \(number): \(check)")
                    }
                }
                // All but the ones that ask nothing.
                #expect(Set(broken) == Set(DoctorTests.names).subtracting(["server", "packet"]), "\(broken)")
            }
        }
    }

    /// The connection breaks, or the server is silent: that check is lost, and no other.
    @Test(arguments: try await TestServer.all)
    func aCheckMayBreakItsConnection(_ server: TestServer) async throws {
        try await DoctorTests.withTable(server) { kv in
            try await withProxy(server) { proxy, url, count in
                for isSilent in [false, true] {
                    count.withLockedValue { $0 = 0 }
                    proxy.rewrite { command in
                        guard Self.isOfDoctor(command) else { return .asItIs }
                        let mine = count.withLockedValue { count in
                            defer { count += 1 }
                            return count
                        }
                        // No SELECT: MySQL ends one at the deadline, and answers.
                        return mine != 6 ? .asItIs : isSilent ? .statement("DO SLEEP(60)") : .cut
                    }
                    let found = try await DoctorTests.look(kv, url: url + "&deadline=1")
                    #expect(found.checks.map(\.check) == DoctorTests.names)
                    let lost = found.checks.filter { $0.seen.contains("not examined") }
                    #expect(lost.count == 1, "\(lost)")
                    #expect(
                        lost.first?.seen.contains(isSilent ? "before the deadline" : "was lost") == true, "\(lost)")
                }
            }
        }
    }

    /// Answers of servers that are not here: the check's own statement is put in another one's place.
    @Test(arguments: try await TestServer.all)
    func otherServersAreJudged(_ server: TestServer) async throws {
        func pairs(_ values: [(String, String)]) -> String {
            values.map { "SELECT '\($0.0)', '\($0.1)'" }.joined(separator: " UNION ALL ")
        }
        let cases: [(part: String, sql: String, check: String, level: String, seen: String)] = [
            ("innodb_page_size", "SELECT 4096", "page size", "bad", "4096 bytes"),
            ("innodb_page_size", "SELECT 65536", "page size", "good", "65536 bytes"),
            (
                "binlog_format",
                pairs([("log_bin", "ON"), ("binlog_format", "STATEMENT"), ("transaction_isolation", "READ-COMMITTED")]),
                "binary log", "bad", "binlog_format = STATEMENT, transactions are READ-COMMITTED"
            ),
            (
                "binlog_format",
                pairs([("log_bin", "ON"), ("binlog_format", "STATEMENT"), ("tx_isolation", "REPEATABLE-READ")]),
                "binary log", "good", "REPEATABLE-READ"
            ),
            (
                "innodb_flush_log_at_trx_commit",
                pairs([("innodb_flush_log_at_trx_commit", "1"), ("sync_binlog", "1"), ("log_bin", "ON")]), "durability",
                "good", "sync_binlog = 1: each is flushed in the binary log too"
            ),
            (
                "innodb_flush_log_at_trx_commit",
                pairs([("innodb_flush_log_at_trx_commit", "1"), ("sync_binlog", "0"), ("log_bin", "ON")]), "durability",
                "warn", "sync_binlog = 0: the operating system"
            ),
            (
                "innodb_flush_log_at_trx_commit",
                pairs([("innodb_flush_log_at_trx_commit", "1"), ("sync_binlog", "0"), ("log_bin", "OFF")]),
                "durability",
                "good", "there is no binary log"
            ),
            ("SELECT GET_LOCK", Self.failure, "locks", "warn", "GET_LOCK is refused: broken on purpose"),
            ("SELECT USER()", "SELECT 'u@h', '@h'", "account", "warn", "an anonymous one"),
            (
                "SELECT USER()", "SELECT 'u@localhost', 'u@localhost'", "account", "good",
                "u from localhost has the account u@localhost, for logins from the server's machine only"
            ),
            ("Threads_connected", "SELECT 'Threads_connected', '490'", "connections", "warn", "490 of 500"),
            (
                "GLOBAL VARIABLES WHERE Variable_name IN ('read_only'", pairs([("read_only", "NO_LOCK")]), "writes",
                "bad", "NO_LOCK"
            ),
            (
                "SESSION VARIABLES WHERE Variable_name IN ('transaction_read_only'",
                pairs([("transaction_read_only", "ON")]), "writes", "bad", "1792"
            ),
            (
                "SESSION VARIABLES WHERE Variable_name IN ('max_statement_time'",
                server.isMariaDB ? pairs([("max_statement_time", "2")]) : pairs([("max_execution_time", "2000")]),
                "time limits", "warn", "2.0 s for the store's"
            ),
            ("EXPLAIN INSERT", Self.failure, "rights", "warn", "SELECT, UPDATE, DELETE; INSERT not examined"),
        ]
        try await DoctorTests.withTable(server) { kv in
            try await withProxy(server) { proxy, url, _ in
                for (part, sql, name, level, seen) in cases {
                    proxy.rewrite { command in
                        let text = String(decoding: command.dropFirst(), as: UTF8.self)
                        return Self.isOfDoctor(command) && text.contains(part) ? .statement(sql) : .asItIs
                    }
                    let check = try #require(try await DoctorTests.look(kv, url: url)[name])
                    #expect(check.level == level && check.seen.contains(seen), "\(part): \(check)")
                }
            }
        }
    }

    /// A server that lets the store set only some of its variables.
    @Test(arguments: try await TestServer.all)
    func whatCouldNotBeSetIsNamed(_ server: TestServer) async throws {
        try await DoctorTests.withTable(server) { kv in
            try await withProxy(server) { proxy, url, _ in
                proxy.rewrite { command in
                    let text = String(decoding: command.dropFirst(), as: UTF8.self)
                    guard command.first == 3, text.hasPrefix("SET SESSION ") else { return .asItIs }
                    // All of them at once: refused, and so asked for one by one.
                    if text.contains("sql_mode"), text.contains("autocommit") {
                        return .statement("SET SESSION no_such_variable = 1")
                    }
                    return text.contains("SESSION sort_buffer_size")
                        ? .statement("SET SESSION hostname = 'x'") : .asItIs
                }
                try await server.withGlobal("sort_buffer_size", "1048576") {
                    let check = try #require(try await DoctorTests.look(kv, url: url)["session"])
                    #expect(check.level == "bad" && check.seen.contains("sort_buffer_size (1048576)"), "\(check)")
                }
                let same = try #require(try await DoctorTests.look(kv, url: url)["session"])
                #expect(same.level == "bad" && same.seen.contains("sort_buffer_size"), "\(same)")
            }
        }
    }
}
