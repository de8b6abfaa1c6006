import Foundation

/// The contract of the tool's commands for any value of a server's variable: the right answer, or an error that
/// names the variable.
struct ToolContract {
    let server: TestServer
    /// The variable that was set.
    let variable: String

    private let table = TestServer.newTableName()

    init(server: TestServer, variable: String) {
        self.server = server
        self.variable = variable
    }

    /// The permitted error of a command, by the variable.
    private static let refusals = ["time_zone": "--expiry-clock"]

    private typealias Wrong = SessionVariableTests.Wrong

    /// Runs a command, and looks at what it prints; of several lines, at their number.
    private func expect(
        _ arguments: String..., input: String = "", exitCode: Int32 = 0, output: String? = nil, lines: Int? = nil,
        contains part: String? = nil
    ) async throws {
        let outcome = try await CommandLineTool.run(
            [arguments[0], "--table", table] + arguments.dropFirst(), url: server.url, input: input)
        let isNamed = [variable, Self.refusals[variable]].contains { $0.map { outcome.errors.contains($0) } ?? false }
        if outcome.exitCode >= 2, isNamed { return }
        let isRight =
            outcome.exitCode == exitCode && (output ?? outcome.output) == outcome.output
            && (lines ?? 0) == (lines == nil ? 0 : outcome.output.split(separator: "\n").count)
            && (part.map { outcome.output.contains($0) } ?? true)
        guard !isRight else { return }
        throw Wrong(description: "\(arguments): \(outcome.exitCode) \(outcome.output) \(outcome.errors)")
    }

    func check() async throws {
        let result = await Result { try await run() }
        for table in [table, table + "_copy"] {
            _ = try await CommandLineTool.run(["drop", "--yes", "--table", table], url: server.url)
        }
        try result.get()
    }

    private func run() async throws {
        // A time zone that no clock was named for keeps some commands from working.
        let clock = variable == "time_zone" ? ["--expiry-clock", "utc"] : []
        let toClock = variable == "time_zone" ? ["--to-expiry-clock", "utc"] : []
        try await expect("init")
        let entries = ["a", "b", "c", "d", ""].map { "{\"key\":[\"k\",\"\($0)\"],\"value\":\"\($0)\",\"ttl\":9000}\n" }
        let imported = try await CommandLineTool.run(
            ["import", "--table", table] + clock, url: server.url, input: entries.joined())
        guard imported.output == "5 entries imported, 0 had expired\n" else {
            throw Wrong(description: "import: \(imported.output) \(imported.errors)")
        }
        // Readers, beside each other.
        try await withThrowingTaskGroup { group in
            group.addTask { try await expect("get", "k", "b", output: "\"b\"\n") }
            group.addTask { try await expect("get", "k", "x", exitCode: 1, output: "") }
            group.addTask { try await expect("list", "k", lines: 5) }
            group.addTask { try await expect("count", output: "5\n") }
            group.addTask { try await expect("export", lines: 5) }
            group.addTask {
                try await expect("stats", "--json", contains: "\"total\":{\"bytes\":58,\"ends\":{\"day\":5")
            }
            group.addTask { try await doctor() }
            try await group.waitForAll()
        }
        try await expect("set", "x", "--value", "1")
        try await expect("cas", "x", "--expected", "1", "--new", "2")
        try await expect("cas", "x", "--expected", "1", "--new", "3", exitCode: 1)
        try await expect("get", "x", output: "2\n")
        try await expect("set", "x", "--value", "1", "--ttl", "0")
        let swept = try await CommandLineTool.run(["sweep", "--table", table] + clock, url: server.url)
        guard swept.output == "1\n" else { throw Wrong(description: "sweep: \(swept.output) \(swept.errors)") }
        try await expect("delete", "k", "a")
        let copied = try await CommandLineTool.run(
            ["copy", "--table", table, "--to", server.url, "--to-table", table + "_copy"] + clock + toClock,
            url: server.url)
        guard copied.output == "4 entries copied\n" else { throw Wrong(description: "copy: \(copied.errors)") }
        let requests = """
            {"id":1,"op":"set","key":["p"],"value":1}
            {"id":2,"op":"cas","key":["p"],"expected":1,"new":2}
            {"id":3,"op":"count"}
            {"id":4,"op":"get","key":["p"]}
            """
        let answers = """
            {"id":1,"ok":true}
            {"id":2,"ok":true,"swapped":true}
            {"id":3,"ok":true,"count":5}
            {"id":4,"ok":true,"found":true,"value":2}

            """
        try await expect("pipe", input: requests, output: answers)
        if variable == "time_zone" { try await expect("sweep", exitCode: 2) }
    }

    /// It may find the variable bad; it must not fail.
    private func doctor() async throws {
        let outcome = try await CommandLineTool.run(["doctor", "--table", table], url: server.url)
        guard outcome.exitCode <= 1, outcome.errors.isEmpty, outcome.output.contains("rights") else {
            throw Wrong(description: "doctor: \(outcome.exitCode) \(outcome.output) \(outcome.errors)")
        }
        guard !outcome.output.contains("not examined") else {
            throw Wrong(description: "doctor: \(outcome.output)")
        }
    }
}
