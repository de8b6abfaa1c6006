import FedifyKv
import Foundation
import NIOConcurrencyHelpers

/// A running `fedify-kv pipe`: a client of the store in another process.
final class PipeProcess: Sendable, ProcessStatus {
    private struct State {
        var lastID = 0
        var waiting: [String: CheckedContinuation<[String: String], Never>] = [:]
    }

    private let process: Process
    private let input = Pipe()
    private let state = NIOLockedValueBox(State())
    private let writing = NIOLockedValueBox(())

    /// Starts it; with stacks of so many kilobytes for its threads, or of the system's size.
    init(url: String, table: String, concurrency: Int, stackKilobytes: Int? = nil) throws {
        process = CommandLineTool.make(["pipe", "--table", table, "--concurrency", "\(concurrency)"], url: url)
        if let stackKilobytes {
            process.arguments =
                ["-c", "ulimit -s \(stackKilobytes) && exec \"$0\" \"$@\"", CommandLineTool.executable.path]
                + (process.arguments ?? [])
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
        }
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
        let id = state.withLockedValue { state in
            state.lastID += 1
            return "\(state.lastID)"
        }
        let text = members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        return await withCheckedContinuation { continuation in
            state.withLockedValue { $0.waiting[id] = continuation }
            // One after another: longer lines than a pipe takes at once would get mixed up.
            writing.withLockedValue { _ in
                try? input.fileHandleForWriting.write(contentsOf: Data("{\"id\":\(id),\(text)}\n".utf8))
            }
        }
    }

    /// Ends the process as a crash would.
    func kill9() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Ends the process by the end of its input.
    func close() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// How it ended: 0, or a number of its own; the number of a signal if it crashed.
    var exitCode: Int32 { process.terminationStatus }

    var processID: Int32 { process.processIdentifier }

    /// The most memory that it had at a time, in bytes.
    var peakMemory: Int? { status("VmHWM").map { $0 << 10 } }

    private func answered(_ line: String) {
        guard let members = try? JSONDocument(line).members(), let id = members["id"] else { return }
        state.withLockedValue { $0.waiting.removeValue(forKey: id) }?.resume(returning: members)
    }

    private func answerAll() {
        let waiting = state.withLockedValue { state in
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values {
            continuation.resume(returning: ["ok": "false", "error": "{\"code\":\"ended\"}"])
        }
    }
}

extension PipeProcess: KvStore {
    func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
        let answer = try await carryOut("get", ["key": key.serialized])
        return answer["value"].map(JSONValue.init(uncheckedJSON:))
    }

    func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
        _ = try await carryOut("set", ["key": key.serialized, "value": value.json, "ttl": Self.seconds(ttl)])
    }

    func delete(_ key: KvKey) async throws(KvError) {
        _ = try await carryOut("delete", ["key": key.serialized])
    }

    func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
        var members = ["key": key.serialized, "ttl": Self.seconds(ttl)]
        members["expected"] = expected?.json
        members["new"] = new?.json
        return try await carryOut("cas", members)["swapped"] == "true"
    }

    func list(prefix: KvKey) -> KvEntries {
        KvEntries { { throw KvError(.serverError, "not needed") } }
    }

    private static func seconds(_ ttl: Duration?) -> String { ttl.map { "\($0 / .seconds(1))" } ?? "null" }

    private func carryOut(
        _ operation: String, _ members: [String: String]
    ) async throws(KvError) -> [String: String] {
        do {
            let answer = try await request(members.merging(["op": "\"\(operation)\""]) { $1 })
            guard answer["ok"] != "true" else { return answer }
            let error = try answer["error"].flatMap { try JSONDocument($0).members() } ?? [:]
            func text(_ name: String) throws -> String {
                try error[name].flatMap { try JSONDocument($0).string() } ?? ""
            }
            throw KvError(KvError.Code(rawValue: try text("code")), try text("message"))
        } catch {
            throw KvError(wrapping: error)
        }
    }
}
