import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL
import Foundation

struct Pipe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answers JSON requests, one a line, on standard output: for scripts and other languages.",
        discussion: """
            Requests:
              {"id":1,"op":"get","key":["a"]}
              {"id":2,"op":"set","key":["a"],"value":{"b":1},"ttl":0.5}
              {"id":3,"op":"delete","key":["a"]}
              {"id":4,"op":"cas","key":["a"],"expected":1,"new":2,"ttl":60}
              {"id":5,"op":"list","prefix":["a"]}
              {"id":6,"op":"count","prefix":["a"]}
            An omitted "expected" or "new" means no entry; null means JSON null. The ttl is in seconds.

            Answers, which repeat the id:
              {"id":1,"ok":true,"found":true,"value":{"b":1}}
              {"id":4,"ok":true,"swapped":false}
              {"id":5,"ok":true,"entries":[{"key":["a"],"value":1}]}
              {"id":6,"ok":true,"count":1}
              {"id":7,"ok":false,"error":{"code":"keyTooLong","message":"..."}}
            A line that is not a request gets an error with the code badRequest.
            """)

    @OptionGroup var store: StoreArguments

    @Option(help: "The maximum number of concurrent requests. With 1, answers come in the order of requests.")
    var concurrency = 1

    func validate() throws {
        guard (1...10_000).contains(concurrency) else {
            throw ValidationError("--concurrency must be from 1 to 10000.")
        }
    }

    func run() async throws {
        try await store.withStore(creatingTable: true) { kv in
            try await LineReader(.standardInput).answerEach(concurrency: concurrency) { line in
                try await StandardOutput.shared.writeLine(Self.answer(line, kv))
            }
        }
    }

    private static func answer(_ line: LineReader.Line, _ kv: MySQLKvStore) async -> String {
        var id = "null"
        do {
            guard case .text(let bytes) = line else {
                throw PipeRequest.Malformed(message: "the line is longer than \(LineReader.entryLength) bytes")
            }
            let request = try PipeRequest(bytes)
            id = JSONValue(uncheckedJSON: request.id).oneLine
            return PipeAnswer.ok(id, try await carryOut(request.operation(), kv))
        } catch let error as PipeRequest.Malformed {
            return PipeAnswer.error(id, code: "badRequest", message: error.message)
        } catch let error as KvError {
            return PipeAnswer.error(id, code: error.code.rawValue, message: error.message)
        } catch {
            return PipeAnswer.error(id, code: "internal", message: "\(error)")
        }
    }

    /// The members that an operation adds to its answer.
    private static func carryOut(_ operation: PipeRequest.Operation, _ kv: MySQLKvStore) async throws -> String {
        switch operation {
        case .get(let key):
            guard let value = try await kv.get(key) else { return ",\"found\":false" }
            return ",\"found\":true,\"value\":\(value.oneLine)"
        case .set(let key, let value, let ttl):
            try await kv.set(key, value, ttl: ttl)
            return ""
        case .delete(let key):
            try await kv.delete(key)
            return ""
        case .cas(let key, let expected, let new, let ttl):
            return ",\"swapped\":\(try await kv.cas(key, expected: expected, new: new, ttl: ttl))"
        case .list(let prefix):
            var entries: [String] = []
            for try await entry in kv.list(prefix: prefix) { entries.append(entry.oneLine) }
            return ",\"entries\":[\(entries.joined(separator: ","))]"
        case .count(let prefix):
            return ",\"count\":\(try await kv.count(prefix: prefix))"
        }
    }
}
