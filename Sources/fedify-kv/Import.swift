import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL
import Foundation

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stores the entries of JSON lines, as `export` writes them.",
        discussion: """
            Instead of "expires" a line may have "ttl", the seconds that are left. Entries that have ended are left \
            out. Lines are stored in batches, each whole or not at all; an entry that is there is overwritten. A line \
            that is no entry ends the import: what stands before its batch is stored, and nothing behind. Four batches \
            are under way at a time: if the server refuses a value, the other three may be stored.

            With --checkpoint, the number of lines that are stored is kept in a file, and an import that was \
            interrupted goes on behind them.

            Examples:
              fedify-kv import < all.jsonl
              fedify-kv import --input all.jsonl --checkpoint all.checkpoint
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Option(help: "The file to read; standard input, if left out.")
    var input: String?

    @Option(help: "The file that keeps how far the import has come; it is removed at the end.")
    var checkpoint: String?

    private struct Answer: Encodable {
        let entries: Int
        let expired: Int
        let seconds: Double
    }

    /// The largest value there can be, with room for its key.
    private static let maximumLineLength = (1 << 30) + (1 << 16)

    func run() async throws {
        let done = try Checkpoint.read(checkpoint)
        var source = FileHandle.standardInput
        var size: Int?
        if let input {
            guard let file = FileHandle(forReadingAtPath: input) else {
                throw ValidationError("The file \(input) can't be read.")
            }
            source = file
            size = (try? FileManager.default.attributesOfItem(atPath: input)[.size]) as? Int
        }
        let lines = LineReader(source, maximumLength: Self.maximumLineLength)
        let importer = Importer(lines: lines, progress: Progress(total: size), done: done, checkpoint: checkpoint)
        let answer = try await store.withStore { kv in
            try await kv.initialize()
            return try await importer.run(kv)
        }
        if let checkpoint { try? FileManager.default.removeItem(atPath: checkpoint) }
        try output.write(
            Answer(entries: answer.entries, expired: answer.expired, seconds: answer.elapsed / .seconds(1)),
            "\(answer.entries) entries imported, \(answer.expired) had ended")
    }
}

/// Reads lines, and stores them in batches, some of them at a time.
struct Importer {
    /// Batches under way at a time.
    private static let width = 4
    private static let maximumRows = 128
    private static let maximumBytes = 1 << 20

    let lines: LineReader
    let progress: Progress
    /// Lines that were stored before.
    let done: Int
    let checkpoint: String?

    struct Batch: Sendable {
        var records: [MySQLKvStore.Record] = []
        var lines = 0
        var bytes = 0
        var isLast = false
    }

    func run(_ kv: MySQLKvStore) async throws -> (entries: Int, expired: Int, elapsed: Duration) {
        defer { progress.finish() }
        for _ in 0..<done { _ = await lines.next() }
        // The server's time, told further by our clock's pace.
        let (time, asked) = (try await kv.serverTime(), ContinuousClock.now)
        var number = done
        var (entries, expired, isLast) = (0, 0, false)
        while !isLast {
            var batches: [Batch] = []
            var failure: (any Error)?
            while batches.count < Self.width, !isLast, failure == nil {
                do {
                    let now = time + Int64(asked.duration(to: .now) / .microseconds(1))
                    let batch = try await batch(now: now, from: number)
                    number += batch.lines
                    isLast = batch.isLast
                    batches.append(batch)
                } catch {
                    failure = error
                }
            }
            // Of a key that comes twice the last counts, also across batches that are under way at the same time.
            if batches.hasDuplicateKeys {
                for batch in batches { try await kv.set(records: batch.records) }
            } else {
                try await withThrowingDiscardingTaskGroup { group in
                    for batch in batches where !batch.records.isEmpty {
                        group.addTask { try await kv.set(records: batch.records) }
                    }
                }
            }
            for batch in batches {
                entries += batch.records.count
                expired += batch.lines - batch.records.count
                progress.advance(by: batch.bytes, entries: batch.records.count)
            }
            if let failure { throw failure }
            try Checkpoint.write(number, to: checkpoint)
        }
        return (entries, expired, progress.elapsed)
    }

    private func batch(now: Int64, from number: Int) async throws -> Batch {
        var batch = Batch()
        while batch.records.count < Self.maximumRows, batch.bytes < Self.maximumBytes {
            guard let line = await lines.next() else {
                batch.isLast = true
                return batch
            }
            batch.lines += 1
            do {
                guard case .text(let bytes) = line else { throw RecordLine.Malformed(reason: "it is too long") }
                batch.bytes += bytes.count + 1
                if let record = try RecordLine.record(bytes, now: now) { batch.records.append(record) }
            } catch let error as RecordLine.Malformed {
                throw KvError(
                    .invalidValue,
                    "line \(number + batch.lines) is no entry: \(error.reason); nothing of its batch was stored")
            }
        }
        return batch
    }
}

extension [Importer.Batch] {
    fileprivate var hasDuplicateKeys: Bool {
        var seen: Swift.Set<KvKey> = []
        return contains { batch in batch.records.contains { !seen.insert($0.key).inserted } }
    }
}

/// How many lines of an import are stored.
private enum Checkpoint {
    static func read(_ path: String?) throws -> Int {
        guard let path, FileManager.default.fileExists(atPath: path) else { return 0 }
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let lines = Int(text), lines >= 0 else {
            throw ValidationError("The file \(path) is no checkpoint of an import.")
        }
        return lines
    }

    static func write(_ lines: Int, to path: String?) throws {
        // Whole, or the former one stays.
        if let path { try Data("\(lines)\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic) }
    }
}
