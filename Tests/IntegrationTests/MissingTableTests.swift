import FedifyKv
import FedifyMySQL
import Foundation
import Testing

/// `fedify-kv` on a database without the table.
@Suite struct MissingTableTests {
    private func exists(_ table: String, on server: TestServer) async throws -> Bool {
        try await !server.sql("SHOW TABLES LIKE '\(table)'").isEmpty
    }

    /// A wrong URL or `--table` must not leave a table behind.
    @Test(arguments: try await TestServer.all)
    func otherCommandsFailWithoutIt(_ server: TestServer) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fedify-kv-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (table, other) = (TestServer.newTableName(), TestServer.newTableName())
        let file = folder.appending(path: "lines").path()
        let message = "the table `\(table)` doesn't exist in this database; `fedify-kv init` creates it"
        let commands = [
            ["get", "k"], ["delete", "k"], ["delete", "k", "--prefix"], ["list"], ["list", "k"], ["count"], ["stats"],
            ["export"], ["export", "--output", file], ["sweep"], ["drop", "--yes"],
            ["copy", "--to", server.url, "--to-table", other],
        ]
        for command in commands {
            let outcome = try await CommandLineTool.run(command + ["--table", table], url: server.url)
            #expect(outcome.exitCode == 3 && outcome.output.isEmpty, "\(command): \(outcome)")
            #expect(outcome.errors == "serverError: \(message)\n", "\(command)")
        }
        let json = try await CommandLineTool.run(["get", "k", "--table", table, "--json"], url: server.url)
        #expect(
            try JSONDecoder().decode([String: [String: String]].self, from: Data(json.errors.utf8))
                == ["error": ["code": "serverError", "message": message]])
        // The doctor is to find out.
        let doctor = try await CommandLineTool.run(["doctor", "--table", table], url: server.url)
        #expect(doctor.exitCode == 0 && doctor.output.contains("\(table) doesn't exist"), "\(doctor)")
        for table in [table, other] { #expect(try await !exists(table, on: server)) }
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test(arguments: try await TestServer.all)
    func commandsThatWriteCreateIt(_ server: TestServer) async throws {
        let commands: [(arguments: [String], input: String)] = [
            (["init"], ""), (["set", "k", "--value", "1"], ""), (["set", "k", "--value", "1", "--keep-expiry"], ""),
            (["cas", "k", "--new", "1"], ""), (["import"], ""), (["pipe"], #"{"op":"get","key":["k"]}"#),
        ]
        for (arguments, input) in commands {
            let table = TestServer.newTableName()
            let outcome = try await CommandLineTool.run(
                arguments + ["--table", table], url: server.url, input: input)
            #expect(outcome.exitCode == 0 && outcome.errors.isEmpty, "\(arguments): \(outcome)")
            #expect(try await exists(table, on: server), "\(arguments)")
            try await server.sql("DROP TABLE IF EXISTS `\(table)`")
        }
        try await server.withStore { kv, _ in
            try await kv.createTable()
            let table = TestServer.newTableName()
            let outcome = try await CommandLineTool.run(
                ["copy", "--table", kv.options.tableName, "--to", server.url, "--to-table", table], url: server.url)
            #expect(outcome.exitCode == 0, "\(outcome)")
            #expect(try await exists(table, on: server))
            try await server.sql("DROP TABLE IF EXISTS `\(table)`")
        }
    }

    /// A trigger on the table refers to another one that doesn't exist: the server's message is the right one.
    @Test(arguments: try await TestServer.all)
    func anotherMissingTableIsNotMistakenForIt(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(["k"], 1)
            let (table, other) = (kv.options.tableName, TestServer.newTableName())
            try await server.sql(
                "CREATE TRIGGER `\(table)_t` BEFORE DELETE ON `\(table)` FOR EACH ROW INSERT INTO `\(other)` VALUES (1)"
            )
            let outcome = try await CommandLineTool.run(["delete", "k", "--table", table], url: server.url)
            #expect(outcome.exitCode == 3 && outcome.errors.contains("error 1146"), "\(outcome)")
            #expect(outcome.errors.contains(other) && !outcome.errors.contains("init"), "\(outcome)")
        }
    }
}
