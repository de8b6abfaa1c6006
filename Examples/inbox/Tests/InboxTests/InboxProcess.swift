import AsyncHTTPClient
import Foundation
import NIOCore
import Testing

/// The server as a process of its own, which can be killed.
struct InboxProcess: Sendable {
    private let process: Process
    private let url: String

    struct DidNotStart: Error {}

    /// Runs a test while the process runs. It is killed at the latest when the test ends.
    static func run(
        _ tables: TestTables, _ environment: [String: String] = [:], _ test: (InboxProcess) async throws -> Void
    ) async throws {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
            path: "inbox")
        process.environment = ProcessInfo.processInfo.environment.merging([
            "MYSQL_URL": tables.url, "PORT": "0", "ALLOW_LOOPBACK": "1",
            "FEDIFY_KV_TABLE_NAME": tables.storeOptions.tableName, "FEDIFY_MQ_TABLE_NAME": tables.queueTable,
        ]) { $1 }.merging(environment) { $1 }
        process.standardOutput = output
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in end.finish() }
        try process.run()
        try await withCleanUp {
            let line = await firstLine(of: output.fileHandleForReading)
            guard let url = line.split(separator: " ").last, url.hasPrefix("http") else { throw DidNotStart() }
            try await test(InboxProcess(process: process, url: String(url)))
        } cleanUp: {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            for await _ in ends {}
        }
    }

    /// Ends the process by a signal.
    func end(_ signal: Int32) async throws {
        kill(process.processIdentifier, signal)
        try await eventually { !process.isRunning }
    }

    /// Posts to the inbox.
    func post(_ body: String) async throws -> Int {
        var request = HTTPClientRequest(url: url + "inbox")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/activity+json")
        request.body = .bytes(ByteBuffer(string: body))
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(30)).status.code)
    }

    /// Empty if the process ends before it has written one.
    private static func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            // A thread that may wait.
            Thread.detachNewThread {
                var text = Data()
                while !text.contains(UInt8(ascii: "\n")), case let chunk = handle.availableData, !chunk.isEmpty {
                    text += chunk
                }
                continuation.resume(returning: String(decoding: text, as: UTF8.self).trimmingCharacters(in: .newlines))
            }
        }
    }
}
