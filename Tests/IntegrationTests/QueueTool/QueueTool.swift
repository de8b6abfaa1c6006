import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// `fedify-mq` on a table of a test's own.
struct QueueTool: Sendable {
    let server: TestServer
    let table: String
    /// The queue, for what the test does beside the tool.
    let queue: MySQLMessageQueue

    static func with(_ server: TestServer, _ body: (QueueTool) async throws -> Void) async throws {
        let pool = try server.pool(4)
        var options = MySQLMessageQueueOptions()
        options.tableName = "q" + UUID().uuidString.replacing("-", with: "").lowercased()
        let queue = try MySQLMessageQueue(pool, options: options)
        let result = await Result { try await body(QueueTool(server: server, table: options.tableName, queue: queue)) }
        try await queue.drop()
        await pool.close()
        try result.get()
    }

    func arguments(_ command: [String]) -> [String] {
        // Options are before the command of `listen`.
        let end = command.firstIndex(of: "--") ?? command.endIndex
        return command[..<end] + ["--table", table] + command[end...]
    }

    func run(_ command: String..., input: String = "") async throws -> CommandLineTool.Outcome {
        try await CommandLineTool.run(arguments(command), url: server.url, input: input, program: "fedify-mq")
    }

    /// Runs a command that answers with JSON.
    func answer<T: Decodable>(
        _ command: String..., exitCode: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> T {
        let outcome = try await CommandLineTool.run(
            arguments(command + ["--json"]), url: server.url, program: "fedify-mq")
        #expect(outcome.exitCode == exitCode, "\(outcome.output) \(outcome.errors)", sourceLocation: sourceLocation)
        return try JSONDecoder().decode(T.self, from: Data(outcome.output.utf8))
    }

    func start(_ command: String...) throws -> ToolProcess {
        try ToolProcess(CommandLineTool.make(arguments(command), url: server.url, program: "fedify-mq"))
    }

    func count(_ suffix: String = "") async throws -> Int {
        Int(try await server.sql("SELECT COUNT(*) FROM `\(table)\(suffix)`")[0][0] ?? "") ?? -1
    }

    func enqueue(_ messages: String..., delay: Duration = .zero, orderingKey: String? = nil) async throws {
        try await queue.enqueue(
            messages.map(JSONValue.init(uncheckedJSON:)), delay: delay, orderingKey: orderingKey)
    }

    /// Puts a message among the dead ones.
    func bury(_ id: String, _ message: String, key: String? = nil) async throws {
        try await queue.initialize()
        try await server.sql(
            "INSERT INTO `\(table)_dead` VALUES (?, ?, ?, 3, 'why', NOW(6))", .text(id), .text(message),
            key.map(MySQLParameter.text) ?? .null)
    }
}

/// A tool that runs beside the test.
final class ToolProcess: Sendable {
    private struct State {
        var lines: [String] = []
        var errors = ""
    }

    private let process: Process
    private let input = Pipe()
    private let state = NIOLockedValueBox(State())
    private let reading = DispatchGroup()

    init(_ process: Process) throws {
        self.process = process
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        read(output.fileHandleForReading) { text, state in state.lines += text.split(separator: "\n").map(String.init) }
        read(errors.fileHandleForReading) { text, state in state.errors += text }
    }

    /// Whole lines, as they come.
    private func read(_ handle: FileHandle, _ add: @escaping @Sendable (String, inout State) -> Void) {
        reading.enter()
        Thread.detachNewThread { [self] in
            var buffer = Data()
            while case let chunk = handle.availableData, !chunk.isEmpty {
                buffer.append(chunk)
                guard let end = buffer.lastIndex(of: UInt8(ascii: "\n")) else { continue }
                let text = String(decoding: buffer[buffer.startIndex...end], as: UTF8.self)
                buffer.removeSubrange(buffer.startIndex...end)
                state.withLockedValue { add(text, &$0) }
            }
            reading.leave()
        }
    }

    var lines: [String] { state.withLockedValue(\.lines) }
    var errors: String { state.withLockedValue(\.errors) }

    func send(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    }

    func closeInput() throws {
        try input.fileHandleForWriting.close()
    }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// Waits for its end.
    ///
    /// - Returns: Its exit code; the number of a signal that ended it.
    func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                process.waitUntilExit()
                reading.wait()
                continuation.resume(returning: process.terminationStatus)
            }
        }
    }

    /// The lines that came, as the members of objects, once there are so many.
    func objects(
        _ count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [[String: String]] {
        try await eventually(sourceLocation: sourceLocation) { lines.count >= count }
        return try lines.map { try #require(JSONDocument($0).members(), "\($0)") }
    }
}
