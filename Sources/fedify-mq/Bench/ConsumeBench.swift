import ArgumentParser
import FedifyJSON
import FedifyMQ
import FedifyMySQL
import Foundation
import Synchronization

/// What handlers have seen, until all messages were handled.
final class BenchRecord: Sendable {
    private struct State {
        var seen: [UInt32]
        var missing: Int
        var repeated = 0
        var lastOfKey: [String: Int] = [:]
        var disorder = 0
        var whenDone: CheckedContinuation<Void, Never>?
        var isCancelled = false
    }

    private let state: Mutex<State>

    init(count: Int) {
        state = Mutex(State(seen: Array(repeating: 0, count: count), missing: count))
    }

    /// A message was handled.
    func handled(_ message: JSONValue, key: String?) {
        // {"n":123,...}; MySQL orders members by their length, and writes spaces.
        guard let number = Self.number(of: message) else { return }
        let done = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.seen.indices.contains(number) else { return nil }
            state.seen[number] += 1
            if let key {
                // A repeated one may be earlier.
                if state.seen[number] == 1, number < state.lastOfKey[key] ?? -1 { state.disorder += 1 }
                state.lastOfKey[key] = max(number, state.lastOfKey[key] ?? -1)
            }
            guard state.seen[number] == 1 else {
                state.repeated += 1
                return nil
            }
            state.missing -= 1
            guard state.missing == 0 else { return nil }
            defer { state.whenDone = nil }
            return state.whenDone
        }
        done?.resume()
    }

    private static func number(of message: JSONValue) -> Int? {
        guard let start = message.json.utf8.firstRange(of: "\"n\":".utf8)?.upperBound else { return nil }
        let digits = message.json.utf8[start...].drop { $0 == 0x20 }.prefix { (0x30...0x39).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    /// Waits until all were handled, or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if state.missing > 0, !state.isCancelled { state.whenDone = continuation }
                    return state.missing == 0 || state.isCancelled
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state.whenDone = nil }
                state.isCancelled = true
                return state.whenDone
            }
            waiting?.resume()
        }
    }

    var repeated: Int { state.withLock(\.repeated) }
    /// Messages that came after a later one of their key.
    var disorder: Int { state.withLock(\.disorder) }
}

extension BenchRecord {
    /// Listens until all messages were handled.
    ///
    /// - Returns: The seconds that it took.
    func consume(_ queue: MySQLMessageQueue, concurrency: Int) async throws -> Double {
        let begun = ContinuousClock.now
        let listening = Task {
            try await queue.listen(concurrency: concurrency) { message in
                self.handled(message.message, key: message.orderingKey)
            }
        }
        await wait()
        let seconds = begun.duration(to: .now) / .seconds(1)
        listening.cancel()
        try await listening.value
        try Task.checkCancellation()
        return seconds
    }
}

struct ConsumeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Messages without ordering keys, by handlers that do nothing.")

    @OptionGroup var bench: BenchArguments

    @Option(help: "The number of messages, which are enqueued first.")
    var count = 100_000

    @Option(help: "The maximum number of handlers at a time.")
    var concurrency = 64

    func validate() throws {
        guard (1...10_000_000).contains(count), (1...10_000).contains(concurrency) else {
            throw ValidationError("--count must be from 1 to 10000000, --concurrency from 1 to 10000.")
        }
    }

    func run() async throws {
        try await bench.measure { [bench, count, concurrency] queue in
            try await bench.fill(queue, count: count)
            let record = BenchRecord(count: count)
            let busy = Figures.cpuSeconds()
            let seconds = try await record.consume(queue, concurrency: concurrency)
            var figures = Figures("consume", count: count, seconds: seconds)
            figures.cpuPerMessage = ((Figures.cpuSeconds() - busy) * 1e6 / Double(count)).rounded(toPlaces: 1)
            figures.repeated = record.repeated
            return [figures]
        }
    }
}

struct OrderedBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ordered",
        abstract: "Messages with ordering keys, by handlers that do nothing but look at the order.")

    @OptionGroup var bench: BenchArguments

    @Option(help: "The number of messages, which are enqueued first.")
    var count = 100_000

    @Option(help: "The number of ordering keys.")
    var keys = 1000

    @Option(help: "The maximum number of handlers at a time.")
    var concurrency = 64

    func validate() throws {
        guard (1...10_000_000).contains(count), (1...count).contains(keys), (1...10_000).contains(concurrency) else {
            throw ValidationError(
                "--count must be from 1 to 10000000, --keys from 1 to that, --concurrency from 1 to 10000.")
        }
    }

    func run() async throws {
        try await bench.measure { [bench, count, keys, concurrency] queue in
            try await bench.fill(queue, count: count) { "https://example.com/users/\($0 % keys)" }
            let record = BenchRecord(count: count)
            let busy = Figures.cpuSeconds()
            let seconds = try await record.consume(queue, concurrency: concurrency)
            guard record.disorder == 0 else {
                throw MQError(.serverError, "\(record.disorder) messages came after a later one of their key")
            }
            var figures = Figures("ordered, \(keys) keys", count: count, seconds: seconds)
            figures.cpuPerMessage = ((Figures.cpuSeconds() - busy) * 1e6 / Double(count)).rounded(toPlaces: 1)
            figures.repeated = record.repeated
            return [figures]
        }
    }
}
