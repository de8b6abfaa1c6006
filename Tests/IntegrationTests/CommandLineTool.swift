import Foundation
import NIOConcurrencyHelpers

/// The built `fedify-kv`, or another tool, in a process of its own.
struct CommandLineTool: Sendable {
    static let executable = program("fedify-kv")

    private static func program(_ name: String) -> URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name)
    }

    struct Outcome: Sendable {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    /// Runs it to the end.
    static func run(
        _ arguments: [String], url: String?, input: String = "", program: String = "fedify-kv"
    ) async throws -> Outcome {
        let process = make(arguments, url: url, program: program)
        let (input, output, errors) = (Data(input.utf8), Pipe(), Pipe())
        let standardInput = Pipe()
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let errorText = NIOLockedValueBox("")
                let group = DispatchGroup()
                DispatchQueue.global().async(group: group) {
                    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    errorText.withLockedValue { $0 = text }
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
                        exitCode: process.terminationStatus, output: text, errors: errorText.withLockedValue { $0 }))
            }
        }
    }

    /// Runs it to the end with a terminal as its standard output and error; gives back all that it showed.
    static func runOnTerminal(
        _ arguments: [String], url: String?, environment: [String: String] = [:], program: String = "fedify-kv"
    ) async throws -> String {
        let process = make(arguments, url: url, program: program)
        process.environment?.merge(environment) { $1 }
        var (terminal, tool): (Int32, Int32) = (-1, -1)
        guard openpty(&terminal, &tool, nil, nil, nil) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        let screen = FileHandle(fileDescriptor: tool, closeOnDealloc: true)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = screen
        process.standardError = screen
        try process.run()
        // The process has its own; with the last one closed, reading ends.
        try screen.close()
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [terminal] in
                var (shown, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
                while case let count = read(terminal, &chunk, chunk.count), count > 0 {
                    shown += chunk[..<count]
                }
                close(terminal)
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: shown, as: UTF8.self))
            }
        }
    }

    static func make(_ arguments: [String], url: String?, program: String = "fedify-kv") -> Process {
        let process = Process()
        process.executableURL = Self.program(program)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["MYSQL_URL"] = url
        process.environment = environment
        return process
    }
}
