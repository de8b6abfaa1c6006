import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv stats` and `doctor`, its completions and its manual page.
@Suite struct OperatorTests {
    private struct Statistics: Decodable {
        struct Group: Decodable {
            let component: String?
            let path: [String]?
            let entries: Int
            let bytes: Int
            let expired: Int
            let ends: [String: Int]
        }
        let groups: [Group]
        let others: Group
        let total: Group
    }

    private typealias Examination = DoctorTests.Examination

    private func answer<T: Decodable>(
        _ arguments: [String], url: String, exitCode: Int32 = 0
    ) async throws -> T {
        let outcome = try await CommandLineTool.run(arguments + ["--json"], url: url)
        #expect(outcome.exitCode == exitCode, "\(outcome.output) \(outcome.errors)")
        return try JSONDecoder().decode(T.self, from: Data(outcome.output.utf8))
    }

    @Test(arguments: try await TestServer.all)
    func statsCountByComponent(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let table = kv.options.tableName
            for (number, ttl) in [nil, 1800, 7200, 100_000, 1_000_000].enumerated() {
                try await kv.set(["users", "\(number)"], "value", ttl: ttl.map { .seconds($0) })
            }
            try await kv.set(["inbox", "a", "b"], "x")
            try await kv.set(["inbox", "a", "c"], "x")
            try await kv.set(["z"], "x")
            try await kv.set(["users", "gone"], "value", ttl: .zero)
            try await server.sql("INSERT INTO \(table) (`key`, `value`) VALUES ('not a key', '1')")
            let found: Statistics = try await answer(["stats", "--table", table, "--limit", "2"], url: server.url)
            #expect(found.groups.map(\.component) == ["users", "inbox"])
            #expect(found.groups[0].entries == 5)
            #expect(found.groups[0].expired == 1)
            #expect(found.groups[0].ends == ["never": 1, "hour": 1, "day": 1, "week": 1, "later": 1])
            #expect(found.groups[0].bytes == 5 * 20 + 23)
            #expect(found.others.entries == 2)
            #expect(found.total.entries == 9)
            let below: Statistics = try await answer(["stats", "inbox", "--table", table], url: server.url)
            #expect(below.groups.map(\.component) == ["a"])
            #expect(below.total.entries == 2)
            let text = try await CommandLineTool.run(["stats", "--table", table], url: server.url)
            #expect(text.output.contains("users") && text.output.contains("████"))
            // No colors without a terminal.
            #expect(!text.output.contains("\u{1B}"))
        }
    }

    /// Fedify's own keys all begin with one component: the keys below it are grouped.
    @Test(arguments: try await TestServer.all)
    func statsGoAsDeepAsTellsSomething(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let arguments = ["stats", "--table", kv.options.tableName, "--limit", "3"]
            func entries(_ path: [String], _ count: Int) async throws {
                let value = JSONValue(uncheckedJSON: "1")
                try await kv.set(entries: (0..<count).map { KvEntry(key: KvKey(path + ["\($0)"]), value: value) })
            }
            // Only ids differ: they would be a listing.
            try await entries(["_fedify", "activityIdempotence"], 40)
            let one: Statistics = try await answer(arguments, url: server.url)
            #expect(one.groups.map(\.path) == [["_fedify", "activityIdempotence"]])
            #expect(one.groups[0].entries == 40 && one.others.entries == 0)
            // All are below _fedify.
            try await entries(["_fedify", "remoteDocument"], 30)
            try await entries(["_fedify", "publicKey"], 20)
            try await entries(["_fedify", "x"], 1)
            let all: Statistics = try await answer(arguments, url: server.url)
            #expect(
                all.groups.map(\.path)
                    == ["activityIdempotence", "remoteDocument", "publicKey"].map { ["_fedify", $0] })
            #expect(all.groups.map(\.entries) == [40, 30, 20] && all.others.entries == 1 && all.total.entries == 91)
            // Nearly all are.
            try await entries(["app"], 5)
            let most: Statistics = try await answer(["stats", "--table", kv.options.tableName], url: server.url)
            #expect(most.groups.contains { $0.path == ["app"] && $0.entries == 5 })
            #expect(most.groups.first?.path == ["_fedify", "activityIdempotence"])
            #expect(most.total.entries == 96 && most.groups.map(\.entries).reduce(0, +) == 96)
            let text = try await CommandLineTool.run(["stats", "--table", kv.options.tableName], url: server.url)
            #expect(text.output.contains("_fedify / remoteDocument"))
            // Half and half: nothing to go into.
            try await entries(["app"], 400)
            let half: Statistics = try await answer(arguments, url: server.url)
            #expect(half.groups.map(\.path) == [["app"], ["_fedify"]])
        }
    }

    /// Over many pages, with components that Swift takes for the same, and rows of others among them.
    @Test(arguments: try await TestServer.all)
    func statsOfManyPagesAreExact(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let table = kv.options.tableName
            let value = JSONValue(uncheckedJSON: "1")
            let sizes = [("a", 2500), ("\u{c5}", 1200), ("\u{212b}", 1300), ("z", 7)]
            for (component, count) in sizes {
                try await kv.set(entries: (0..<count).map { KvEntry(key: [component, "\($0)"], value: value) })
            }
            try await kv.set(entries: (0..<3000).map { KvEntry(key: ["of its own \($0)"], value: value) })
            try await server.sql(
                "INSERT INTO \(table) (`key`, `value`) VALUES ('[ \"a\"]', '1'), ('[\"a\" ,\"b\"]', '1'), ('zz', '1')")
            let found: Statistics = try await answer(["stats", "--table", table, "--limit", "4"], url: server.url)
            // The largest first; in bytes, as strings would be compared by characters.
            let expected = [0, 2, 1, 3].map { Array(sizes[$0].0.utf8) }
            #expect(found.groups.map { Array(($0.component ?? "").utf8) } == expected)
            #expect(found.groups.map(\.entries) == [2500, 1300, 1200, 7])
            #expect(found.others.entries == 3003)
            #expect(found.total.entries == 8010)
            let bytes = try await server.sql("SELECT SUM(LENGTH(`key`) + LENGTH(`value`)) FROM \(table)")
            #expect(bytes == [["\(found.total.bytes)"]])
        }
    }

    @Test(arguments: try await TestServer.all)
    func aDoctorSeesWhatIsWrong(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            let table = kv.options.tableName
            func look(_ exitCode: Int32 = 0, url: String? = nil) async throws -> Examination {
                try await answer(["doctor", "--table", table], url: url ?? server.url, exitCode: exitCode)
            }
            #expect(try await look()["table"]?.level == "warn")
            try await kv.createTable()
            let well = try await look()
            for name in ["server", "encryption", "writes", "clock", "sql_mode", "packet", "table", "index", "rights"] {
                #expect(well[name]?.level == "good", "\(name) \(well[name]?.seen ?? "is missing")")
            }
            #expect(well["server"]?.seen.contains(server.isMariaDB ? "MariaDB" : "MySQL") == true)
            try await server.withUser(granted: "SELECT") { user, password in
                let url = "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                let denied = try await look(1, url: url)
                #expect(denied["rights"]?.level == "bad")
                #expect(denied["rights"]?.seen == "no INSERT, UPDATE, DELETE")
            }
            try await server.sql("ALTER TABLE \(table) DROP INDEX idx_\(table)_expires")
            #expect(try await look()["index"]?.level == "warn")
            try await server.sql("ALTER TABLE \(table) MODIFY `key` VARCHAR(700) COLLATE utf8mb4_general_ci NOT NULL")
            let altered = try #require(try await look(1)["table"])
            #expect(altered.level == "bad")
            #expect(altered.seen.contains("type varchar(700), not varchar(768)"))
            #expect(altered.seen.contains("collation utf8mb4_general_ci, not utf8mb4_bin"))
            #expect(altered.advice != nil)
            let text = try await CommandLineTool.run(["doctor", "--table", table], url: server.url)
            #expect(text.exitCode == 1)
            #expect(text.output.contains("bad   table") && !text.output.contains("\u{1B}"))
            // It has changed nothing.
            #expect(try await server.sql("SELECT COUNT(*) FROM \(table)") == [["0"]])
        }
    }

    @Test func aServerThatIsNotThereIsAnError() async throws {
        let url = "mysql://u:hunter2@127.0.0.1:1/d?deadline=1"
        let outcome = try await CommandLineTool.run(["doctor", "--json"], url: url)
        #expect(outcome.exitCode == 3)
        let error = try JSONDecoder().decode([String: [String: String]].self, from: Data(outcome.errors.utf8))
        #expect(error["error"]?["code"] == "connectionFailed")
        #expect(!outcome.errors.contains("hunter2"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionsAreThere(_ shell: String) async throws {
        let outcome = try await CommandLineTool.run(["--generate-completion-script", shell], url: nil)
        #expect(outcome.exitCode == 0)
        for word in ["doctor", "export", "checkpoint"] { #expect(outcome.output.contains(word)) }
    }

    private struct Help: Decodable {
        struct Command: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { let name: String }
                let names: [Name]?
            }
            let commandName: String
            let abstract: String?
            let discussion: String?
            let subcommands: [Command]?
            let arguments: [Argument]?
        }
        let command: Command
    }

    /// The manual page knows each command and option that there is. `Scripts/man.sh` generates it.
    @Test func theManualPageIsComplete() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let page = try String(contentsOf: folder.appending(path: "../../docs/man/fedify-kv.1"), encoding: .utf8)
            .replacing("\\-", with: "-")
        let help = try await CommandLineTool.run(["--experimental-dump-help"], url: nil)
        let command = try JSONDecoder().decode(Help.self, from: Data(help.output.utf8)).command
        let commands = try #require(command.subcommands)
        #expect(commands.count >= 16)
        for command in [command] + commands {
            for line in [command.abstract ?? "", command.discussion ?? ""].joined(separator: "\n").split(
                separator: "\n")
            {
                #expect(page.contains(line), "\(command.commandName)")
            }
        }
        for command in commands {
            #expect(page.contains(command.commandName), "\(command.commandName)")
            for name in (command.arguments ?? []).flatMap({ $0.names ?? [] }).map(\.name) {
                #expect(page.contains(name), "\(command.commandName) \(name)")
            }
        }
    }
}
