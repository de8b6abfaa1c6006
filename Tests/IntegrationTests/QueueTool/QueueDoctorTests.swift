import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-mq doctor`, `bench`, completions and manual page.
@Suite(.serialized) struct QueueDoctorTests {
    static let names = [
        "server", "encryption", "account", "writes", "sql_mode", "session", "packet", "connections", "statements",
        "time limits", "durability", "clock", "isolation", "locks", "purge lag", "table", "indexes", "dead table",
        "rights", "plans",
    ]

    /// As `@fedify/mysql` creates it.
    static func foreignTable(_ table: String) -> String {
        """
        CREATE TABLE `\(table)` (`id` CHAR(36) NOT NULL PRIMARY KEY, `message` JSON NOT NULL, \
        `deliver_after` DATETIME(6) NOT NULL DEFAULT (NOW(6)), `ordering_key` TEXT DEFAULT NULL, \
        INDEX `idx_\(table)_deliver_after` (`deliver_after`), \
        INDEX `idx_\(table)_ok_da` (`ordering_key`(766), `deliver_after`)) \
        ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
        """
    }

    private func look(
        _ tool: QueueTool, _ arguments: String..., url: String? = nil, exitCode: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> DoctorTests.Examination {
        let outcome = try await CommandLineTool.run(
            tool.arguments(["doctor", "--json"] + arguments), url: url ?? tool.server.url, program: "fedify-mq")
        #expect(
            outcome.exitCode == exitCode && outcome.errors.isEmpty, "\(outcome.output) \(outcome.errors)",
            sourceLocation: sourceLocation)
        return try JSONDecoder().decode(DoctorTests.Examination.self, from: Data(outcome.output.utf8))
    }

    @Test(arguments: try await TestServer.all)
    func aSoundQueueIsWell(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            let absent = try await look(tool)
            #expect(absent["table"]?.level == "warn" && absent["indexes"] == nil)
            try await tool.queue.initialize()
            let many = (0..<3000).map { JSONValue(uncheckedJSON: "\($0)") }
            try await tool.queue.enqueue(many, delay: .zero, orderingKey: nil)
            let well = try await look(tool)
            #expect(well.checks.map(\.check) == Self.names)
            for check in well.checks where check.check != "durability" {
                #expect(check.level == "good", "\(check)")
            }
            #expect(well.checks.allSatisfy { !$0.seen.contains("store") }, "\(well)")
            let text = try await tool.run("doctor")
            #expect(text.output.contains("good  table") && !text.output.contains("\u{1B}"))
            #expect(try await tool.count() == 3000)
        }
    }

    @Test(arguments: try await TestServer.all)
    func aTableOfTheTypeScriptQueueIsWorkable(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await server.sql(Self.foreignTable(tool.table))
            let found = try await look(tool)
            #expect(found["table"]?.level == "warn")
            #expect(found["table"]?.seen.contains("without attempts, last_error") == true)
            #expect(found["table"]?.advice?.contains("fedify-mq init --upgrade") == true)
            #expect(found["dead table"]?.seen.contains("no message has died") == true)
            for name in ["indexes", "dead table", "rights", "plans"] {
                #expect(found[name]?.level == "good", "\(String(describing: found[name]))")
            }
            try await tool.queue.initialize(upgrading: true)
            #expect(try await look(tool)["table"]?.level == "good")
        }
    }

    @Test(arguments: try await TestServer.all)
    func whatIsWrongIsFound(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.queue.initialize()
            let table = tool.table
            // Harmless: another program's column.
            try await server.sql("ALTER TABLE `\(table)` ADD COLUMN `note` INT NULL")
            let more = try await look(tool)
            #expect(more["table"]?.level == "good" && more["table"]?.seen.contains("note") == true)
            try await server.sql("ALTER TABLE `\(table)` MODIFY `note` INT NOT NULL")
            #expect(try await look(tool, exitCode: 1)["table"]?.seen.contains("have to name: note") == true)
            try await server.sql("ALTER TABLE `\(table)` DROP COLUMN `note`")
            try await server.sql(
                "ALTER TABLE `\(table)` MODIFY `ordering_key` TEXT COLLATE utf8mb4_general_ci NULL, "
                    + "MODIFY `deliver_after` DATETIME NOT NULL")
            let altered = try #require(try await look(tool, exitCode: 1)["table"])
            #expect(altered.seen.contains("ordering_key has the collation utf8mb4_general_ci, not utf8mb4_bin"))
            #expect(altered.seen.contains("deliver_after has the type datetime, not datetime(6)"))
            try await tool.queue.drop()
            try await tool.queue.initialize()
            try await server.sql(
                "ALTER TABLE `\(table)` DROP INDEX `idx_\(table)_deliver_after`, DROP INDEX `idx_\(table)_ok_da`, "
                    + "ADD INDEX `idx_\(table)_ok_da` (`ordering_key`(10), `deliver_after`)")
            let unindexed = try await look(tool, exitCode: 1)
            #expect(unindexed["indexes"]?.level == "bad" && unindexed["plans"]?.level == "bad")
            #expect(unindexed["indexes"]?.seen.contains("no index idx_\(table)_deliver_after") == true)
            #expect(unindexed["indexes"]?.seen.contains("ordering_key(10)") == true)
            try await server.sql("ALTER TABLE `\(table)_dead` DROP COLUMN died_at")
            #expect(try await look(tool, exitCode: 1)["dead table"]?.seen.contains("no column died_at") == true)
        }
    }

    @Test(arguments: try await TestServer.all)
    func rightsAndClocksAreExamined(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.queue.initialize()
            try await server.withUser(granted: "SELECT, INSERT, UPDATE") { user, password in
                let url = "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                let found = try await look(tool, url: url, exitCode: 1)
                #expect(found["rights"]?.seen == "no DELETE on \(tool.table), DELETE on \(tool.table)_dead")
                #expect(found.checks.map(\.check).contains("purge lag"))
            }
            try await server.withGlobal("time_zone", "'+05:45'") {
                let (shared, own) = (try await look(tool), try await look(tool, "--clock", "utc"))
                #expect(shared["clock"]?.level == "good" && own["clock"]?.level == "warn")
            }
            try await server.withGlobal("time_zone", "'Europe/Berlin'") {
                let clock = try #require(try await look(tool)["clock"])
                #expect(clock.level == "warn" && clock.advice?.contains("an hour") == true)
            }
        }
    }

    private struct Figures: Decodable {
        let name: String
        let count: Int
        let perSecond: Double
        let p50: Double?
        let repeated: Int?
        let statementsPerSecond: Double?
    }

    @Test(arguments: try await TestServer.all)
    func everythingIsMeasured(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            let enqueued: [Figures] = try await tool.answer("bench", "enqueue", "--count", "200", "--callers", "8")
            #expect(enqueued.map(\.count) == [200] && (enqueued[0].p50 ?? 0) > 0)
            let consumed: [Figures] = try await tool.answer("bench", "consume", "--count", "500")
            #expect(consumed.map(\.count) == [500] && consumed[0].perSecond > 0 && consumed[0].repeated == 0)
            let ordered: [Figures] = try await tool.answer("bench", "ordered", "--count", "300", "--keys", "20")
            #expect(ordered.map(\.count) == [300] && ordered[0].repeated == 0)
            let latency: [Figures] = try await tool.answer("bench", "latency", "--count", "5", "--interval", "0.01")
            #expect(latency.map(\.name) == ["same process", "other process"])
            #expect(latency.allSatisfy { ($0.p50 ?? 0) > 0 })
            let idle: [Figures] = try await tool.answer("bench", "idle", "--duration", "0.5", "--delayed", "10")
            #expect((idle[0].statementsPerSecond ?? -1) >= 0)
            #expect(try await server.sql("SHOW TABLES LIKE '\(tool.table)%'").isEmpty)
            // Nothing of others is touched.
            try await tool.enqueue("1")
            let refused = try await tool.run("bench", "consume", "--count", "1")
            #expect(refused.exitCode == 2 && refused.errors.contains("exists"))
            #expect(try await tool.count() == 1)
            #expect(try await tool.run("bench", "ordered", "--keys", "0").exitCode == 2)
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionsAreThere(_ shell: String) async throws {
        let outcome = try await CommandLineTool.run(
            ["--generate-completion-script", shell], url: nil, program: "fedify-mq")
        #expect(outcome.exitCode == 0)
        for word in ["doctor", "listen", "handler-timeout", "overtake"] { #expect(outcome.output.contains(word)) }
    }

    private struct Help: Decodable {
        struct Command: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { let name: String }
                let names: [Name]?
            }
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Argument]?
        }
        let command: Command
    }

    /// The manual page knows each command and option that there is. `Scripts/man.sh` generates it.
    @Test func theManualPageIsComplete() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let page = try String(contentsOf: folder.appending(path: "../../../docs/man/fedify-mq.1"), encoding: .utf8)
            .replacing("\\-", with: "-")
        let help = try await CommandLineTool.run(["--experimental-dump-help"], url: nil, program: "fedify-mq")
        var commands = [try JSONDecoder().decode(Help.self, from: Data(help.output.utf8)).command]
        var count = 0
        while let command = commands.popLast() {
            count += 1
            commands += command.subcommands ?? []
            #expect(page.contains(command.commandName), "\(command.commandName)")
            for name in (command.arguments ?? []).flatMap({ $0.names ?? [] }).map(\.name) {
                #expect(page.contains(name), "\(command.commandName) \(name)")
            }
        }
        #expect(count >= 20)
    }
}
