import FedifyKv
import Foundation
import Locking
import MySQLClient

/// The built `fedify-kv`, in a process of its own.
struct CommandLineTool: Sendable {
    static let executable = URL(fileURLWithPath: CommandLine.arguments[0])
        .deletingLastPathComponent().appendingPathComponent("fedify-kv")

    struct Outcome: Sendable {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    /// Runs it to the end.
    static func run(_ arguments: [String], url: String?, input: String = "") async throws -> Outcome {
        let process = make(arguments, url: url)
        let (input, output, errors) = (Data(input.utf8), Pipe(), Pipe())
        let standardInput = Pipe()
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let errorText = Locked("")
                let group = DispatchGroup()
                DispatchQueue.global().async(group: group) {
                    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    errorText.withLock { $0 = text }
                }
                DispatchQueue.global().async(group: group) {
                    try? standardInput.fileHandleForWriting.write(contentsOf: input)
                    try? standardInput.fileHandleForWriting.close()
                }
                let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                group.wait()
                process.waitUntilExit()
                continuation.resume(
                    returning: Outcome(
                        exitCode: process.terminationStatus, output: text, errors: errorText.withLock { $0 }))
            }
        }
    }

    static func make(_ arguments: [String], url: String?) -> Process {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["MYSQL_URL"] = url
        process.environment = environment
        return process
    }
}

/// A running `fedify-kv pipe`: a client of the store in another process.
final class PipeProcess: Sendable {
    private struct State {
        var lastID = 0
        var waiting: [String: CheckedContinuation<[String: String], Never>] = [:]
    }

    private let process: Process
    private let input = Pipe()
    private let state = Locked(State())

    init(_ server: TestServer, table: String, concurrency: Int, parameters: String = "deadline=60") throws {
        process = CommandLineTool.make(
            ["pipe", "--table", table, "--concurrency", "\(concurrency)"], url: server.url(parameters))
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let handle = output.fileHandleForReading
        Thread.detachNewThread { [self] in
            var buffer = Data()
            while true {
                let chunk = handle.availableData
                if chunk.isEmpty { break }
                buffer.append(chunk)
                while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                    answered(String(decoding: buffer[buffer.startIndex..<end], as: UTF8.self))
                    buffer.removeSubrange(buffer.startIndex...end)
                }
            }
            answerAll()
        }
    }

    /// Sends a request, its members as JSON texts, and waits for its answer's members.
    func request(_ members: [String: String]) async throws -> [String: String] {
        let id = state.withLock { state in
            state.lastID += 1
            return "\(state.lastID)"
        }
        let text = members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        return await withCheckedContinuation { continuation in
            state.withLock { $0.waiting[id] = continuation }
            try? input.fileHandleForWriting.write(contentsOf: Data("{\"id\":\(id),\(text)}\n".utf8))
        }
    }

    /// Ends the process by the end of its input.
    func close() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func answered(_ line: String) {
        guard let members = try? JSONDocument(line).members(), let id = members["id"] else { return }
        state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(returning: members)
    }

    private func answerAll() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume(returning: ["ok": "false", "error": "\"ended\""]) }
    }
}
