import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-mq`, as a user runs it.
@Suite struct QueueCommandTests {
    private func expect(
        _ outcome: CommandLineTool.Outcome, _ exitCode: Int32, _ output: String? = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.exitCode == exitCode, "\(outcome.errors)", sourceLocation: sourceLocation)
        if let output { #expect(outcome.output == output, sourceLocation: sourceLocation) }
        #expect(outcome.errors.isEmpty == (exitCode <= 1), "\(outcome.errors)", sourceLocation: sourceLocation)
    }

    private struct Depth: Decodable, Equatable {
        let queued: Int
        let ready: Int
        let delayed: Int
        let dead: Int
    }

    @Test(arguments: try await TestServer.all)
    func messagesAreEnqueued(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            // Only what writes creates the table.
            for command in [["depth"], ["peek"], ["dead", "list"], ["drain", "--yes"]] {
                let outcome = try await CommandLineTool.run(
                    tool.arguments(command), url: server.url, program: "fedify-mq")
                expect(outcome, 3)
                #expect(outcome.errors.contains("fedify-mq init"), "\(outcome.errors)")
            }
            #expect(try await server.sql("SHOW TABLES LIKE '\(tool.table)'").isEmpty)
            expect(try await tool.run("enqueue", "{\"a\":1}", "\"b\"", "-1"), 2, nil)
            expect(try await tool.run("enqueue", "{\"a\":1}", "\"b\""), 0, "2\n")
            expect(try await tool.run("enqueue", "--delay", "1000.5", "--", "-1"), 0, "1\n")
            expect(try await tool.run("enqueue", input: "1\n\n  \n[2]\n3"), 0, "3\n")
            #expect(try await tool.answer("depth") as Depth == Depth(queued: 6, ready: 5, delayed: 1, dead: 0))
            expect(try await tool.run("enqueue", "--ordering-key", "k", "--json", "4"), 0, "{\"enqueued\":1}\n")
            let rows = try await server.sql(
                "SELECT message, COALESCE(ordering_key, '') FROM `\(tool.table)` ORDER BY id")
            #expect(rows.map { $0[0]?.replacing(" ", with: "") } == ["{\"a\":1}", "\"b\"", "-1", "1", "[2]", "3", "4"])
            #expect(rows.last?[1] == "k")
        }
    }

    @Test(arguments: try await TestServer.all)
    func badInputIsNamedAndNotShown(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            let bad = try await tool.run("enqueue", input: "1\n\n{\"secret4711\"\n2\n")
            expect(bad, 2)
            #expect(bad.errors.contains("line 3 isn't JSON"), "\(bad.errors)")
            #expect(try await tool.count() == 1)
            let second = try await tool.run("enqueue", "1", "secret4711", "--json")
            expect(second, 2)
            #expect(second.errors.contains("argument 2 isn't JSON") && second.errors.contains("\"invalidMessage\""))
            #expect(try await tool.count() == 1)
            let key = try await tool.run("enqueue", "1", "--ordering-key", "secret4711 ")
            expect(key, 2)
            #expect(key.errors.contains("space"))
            expect(try await tool.run("enqueue", "1", "--delay", "-1"), 2)
            expect(try await tool.run("enqueue", "1", "--delay", "nan"), 2)
            expect(try await tool.run("enqueue", "1", "--delay", "1e13"), 2)
            for outcome in [bad, second, key] { #expect(!outcome.errors.contains("secret4711")) }

            expect(try await tool.run("nonsense"), 2)
            #expect(try await tool.run("publish").errors.contains("Did you mean \"enqueue\"?"))
            #expect(try await tool.run("listne").errors.contains("Did you mean \"listen\"?"))
            expect(try await tool.run("peek", "--limit", "0"), 2)
            expect(try await tool.run("depth", "--watch", "--interval", "0"), 2)
            expect(try await tool.run("dead", "retry"), 2)
            expect(try await tool.run("dead", "drop", "--all", "x"), 2)
            expect(try await tool.run("dead", "drop", "--all"), 2)
            expect(try await tool.run("drain"), 2)
            expect(try await tool.run("listen"), 2)
            expect(try await tool.run("listen", "--", "/no/such/program"), 2)
            expect(try await tool.run("listen", "--lease", "0", "--", "true"), 2)
            expect(try await tool.run("listen", "--when-failed", "explode", "--", "true"), 2)
            expect(try await tool.run("listen", "--concurrency", "0", "--", "true"), 2)
            func run(_ command: [String], url: String?) async throws -> CommandLineTool.Outcome {
                try await CommandLineTool.run(command, url: url, program: "fedify-mq")
            }
            expect(try await run(["depth"], url: nil), 2)
            expect(try await run(["depth", "--table", "a-b"], url: server.url), 2)
            let unreachable = "mysql://u:hunter2@127.0.0.1:1/d?deadline=1"
            for command in [["depth"], ["enqueue", "1"], ["doctor"], ["listen", "--", "true"], ["bench", "idle"]] {
                let outcome = try await run(command, url: unreachable)
                expect(outcome, 3)
                #expect(outcome.errors.contains("connectionFailed"), "\(command): \(outcome.errors)")
                #expect(!outcome.errors.contains("hunter2"))
            }
        }
    }

    private struct Peek: Decodable {
        struct Message: Decodable {
            let id: String
            let age: Double?
            let due: Double
            let attempts: Int?
            let orderingKey: String?
        }
        let messages: [Message]
    }

    @Test(arguments: try await TestServer.all)
    func waitingMessagesAreSeenWithoutTheirContent(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("\"secret4711\"", "{\"n\":2}")
            try await tool.enqueue("3", delay: .seconds(500), orderingKey: "key-x")
            let found: Peek = try await tool.answer("peek")
            #expect(found.messages.map(\.orderingKey) == [nil, nil, "key-x"])
            #expect(found.messages.map(\.attempts) == [0, 0, 0])
            #expect(found.messages[0].due <= 0 && (400...500).contains(found.messages[2].due))
            #expect(found.messages.allSatisfy { ($0.age ?? -1) >= 0 && ($0.age ?? 1000) < 300 })
            let text = try await tool.run("peek")
            #expect(text.output.contains(found.messages[0].id) && text.output.contains("key-x"))
            let limited: Peek = try await tool.answer("peek", "--limit", "1")
            #expect(limited.messages.map(\.id) == [found.messages[0].id])
            let ofKey: Peek = try await tool.answer("peek", "--ordering-key", "key-x")
            #expect(ofKey.messages.map(\.id) == [found.messages[2].id])
            for output in [text.output, try await tool.run("peek", "--json").output] {
                #expect(!output.contains("secret4711"))
            }
            expect(try await tool.run("peek", "--id", found.messages[0].id), 0, "\"secret4711\"\n")
            let whole = try await tool.run("peek", "--id", found.messages[1].id, "--json")
            let members = try #require(JSONDocument(whole.output).members())
            #expect(members["message"]?.replacing(" ", with: "") == "{\"n\":2}" && members["row"] != nil)
            expect(try await tool.run("peek", "--id", "absent"), 1)
            expect(try await tool.run("peek", "--id", "absent", "--json"), 1, "{\"found\":false}\n")
        }
    }

    @Test(arguments: try await TestServer.all)
    func deadMessagesComeBack(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.queue.initialize()
            expect(try await tool.run("dead", "retry", "--all"), 0, "0\n")
            expect(try await tool.run("dead", "retry", "x"), 1, "0\n")
            for number in 1...3 { try await tool.bury("id-\(number)", "{\"secret\":\(number)}", key: "k") }
            let listed = try await tool.run("dead", "list")
            #expect(
                listed.output.contains("id-1") && listed.output.contains("why") && !listed.output.contains("secret"))
            let json = try await tool.run("dead", "list", "--json", "--limit", "1")
            #expect(json.output.contains("id-3") && !json.output.contains("id-2") && !json.output.contains("secret"))
            let shown = try await tool.run("dead", "show", "id-2")
            let members = try #require(JSONDocument(shown.output).members())
            #expect(members["message"]?.replacing(" ", with: "") == "{\"secret\":2}")
            expect(try await tool.run("dead", "show", "id-9"), 1)

            expect(try await tool.run("dead", "retry", "id-2", "id-2"), 0, "1\n")
            #expect(try await tool.count() == 1)
            #expect(try await tool.count("_dead") == 2)
            let row = try await server.sql(
                "SELECT id, attempts, last_error, ordering_key, deliver_after <= NOW(6) FROM `\(tool.table)`")
            #expect(row == [["id-2", "0", nil, "k", "1"]])
            expect(try await tool.run("dead", "retry", "id-9", "id-1"), 1, "1\n")
            expect(try await tool.run("dead", "drop", "id-9"), 1, "0\n")
            expect(try await tool.run("dead", "drop", "id-3"), 0, "1\n")
            #expect(try await tool.count() == 2)
            #expect(try await tool.count("_dead") == 0)
        }
    }

    /// More than one page.
    @Test(arguments: try await TestServer.all)
    func allDeadMessagesComeBackInOrder(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.queue.initialize()
            let numbers = (1...600).map { "('\(1000 + $0)', '\($0)', 'k', 3, NULL, NOW(6) - INTERVAL \($0) SECOND)" }
            try await server.sql("INSERT INTO `\(tool.table)_dead` VALUES \(numbers.joined(separator: ", "))")
            expect(try await tool.run("dead", "retry", "--all"), 0, "600\n")
            #expect(try await tool.count("_dead") == 0)
            let rows = try await server.sql("SELECT message FROM `\(tool.table)` ORDER BY deliver_after, id")
            #expect(rows.compactMap { $0[0].flatMap { Int($0) } } == Array(1...600))
            try await server.sql("INSERT INTO `\(tool.table)_dead` VALUES \(numbers.joined(separator: ", "))")
            expect(try await tool.run("dead", "drop", "--all", "--yes"), 0, "600\n")
            #expect(try await tool.count("_dead") == 0)
            #expect(try await tool.count() == 600)
        }
    }

    @Test(arguments: try await TestServer.all)
    func drainDeletesWhatWaits(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            let many = (0..<2100).map { JSONValue(uncheckedJSON: "\($0)") }
            try await tool.queue.enqueue(many, delay: .zero, orderingKey: nil)
            try await tool.enqueue("1", "2", delay: .seconds(100), orderingKey: "k")
            try await tool.bury("dead", "1")
            expect(try await tool.run("drain", "--yes", "--ordering-key", "other"), 0, "0\n")
            expect(try await tool.run("drain", "--yes", "--ordering-key", "k", "--json"), 0, "{\"deleted\":2}\n")
            #expect(try await tool.count() == 2100)
            expect(try await tool.run("drain", "--yes"), 0, "2100\n")
            #expect(try await tool.count() == 0)
            #expect(try await tool.count("_dead") == 1)
        }
    }

    @Test(arguments: try await TestServer.all)
    func depthIsWatched(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.enqueue("1", "2", "3")
            let text = try await tool.run("depth")
            #expect(text.output.contains("ready  ") && text.output.contains("  3") && text.output.contains("dead"))
            let lines = try await tool.run("depth", "--watch", "--interval", "0.05", "--count", "3")
            expect(lines, 0, String(repeating: "3 ready, 0 delayed, 0 dead\n", count: 3))
            let json = try await tool.run("depth", "--watch", "--interval", "0.05", "--count", "2", "--json")
            #expect(json.output.split(separator: "\n").count == 2 && json.output.contains("\"queued\":3"))
            let screen = try await CommandLineTool.runOnTerminal(
                tool.arguments(["depth", "--watch", "--interval", "0.05", "--count", "2"]), url: server.url,
                program: "fedify-mq")
            #expect(screen.contains("█") && screen.contains("3 ready, 0 delayed, 0 dead"))
            // The second frame replaces the first.
            #expect(screen.components(separatedBy: "\u{1B}[10A").count == 2)
        }
    }

    private func attempts(_ tool: QueueTool) async throws -> [Int?] {
        let found: Peek = try await tool.answer("peek")
        return found.messages.map(\.attempts)
    }

    /// A table as the TypeScript queue makes it.
    @Test(arguments: try await TestServer.all)
    func aForeignTableIsUpgraded(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await server.sql(QueueDoctorTests.foreignTable(tool.table))
            expect(try await tool.run("enqueue", "1"), 0, "1\n")
            #expect(try await attempts(tool) == [nil])
            try await tool.bury("d", "2")
            expect(try await tool.run("dead", "retry", "--all"), 0, "1\n")
            expect(try await tool.run("init"), 0)
            #expect(try await attempts(tool) == [nil, nil])
            expect(try await tool.run("init", "--upgrade"), 0)
            #expect(try await attempts(tool) == [0, 0])
            expect(try await tool.run("init", "--upgrade", "--json"), 0, "{\"ok\":true}\n")
        }
    }
}
