import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL
import Foundation

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stores entries from JSON lines, as written by `export`.",
        discussion: """
            Instead of "expires" a line may have "ttl", the remaining seconds. Expired entries are skipped, existing \
            ones overwritten. Lines are stored in order in batches, each atomically. A line that is not an entry, or \
            that the server can't keep, ends the import: the lines before its batch are stored, and nothing else.

            With --checkpoint, the progress is recorded in a file, and an interrupted import continues there, with the \
            same input.

            Examples:
              fedify-kv import < all.jsonl
              fedify-kv import --input all.jsonl --checkpoint all.checkpoint
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Option(help: "The file to read. Default: standard input.")
    var input: String?

    @Option(help: "The file that records the progress of the import; it is removed at the end.")
    var checkpoint: String?

    func run() async throws {
        var source = FileHandle.standardInput
        if let input {
            guard let file = FileHandle(forReadingAtPath: input) else {
                throw ValidationError("The file \(input) can't be read.")
            }
            source = file
        }
        let answer = try await store.withStore(creatingTable: true) { [source] kv in
            try await store.checkClock(of: kv)
            try await kv.createTable()
            return try await importLines(of: source, into: kv)
        }
        Checkpoint.remove(checkpoint)
        try output.write(answer, answer.text("imported"))
    }

    private func importLines(of source: FileHandle, into kv: MySQLKvStore) async throws -> TransferAnswer {
        var reached = try Checkpoint.read(checkpoint, work: "import to \(kv.place)")
        let reader = ImportReader(LineReader(source), time: try await kv.serverTime())
        try await reader.skip(to: reached)
        let progress = Progress(total: source.size.map { $0 - reached.bytes })
        defer { progress.finish() }
        var expired = 0
        var next = try await reader.next()
        while let batch = next {
            // The next batch is read while one is stored. No child task: an error must not wait for more input.
            let following = Task { try await reader.next() }
            do {
                try await kv.set(records: batch.records)
            } catch {
                throw KvError(
                    error.code,
                    "lines \(reached.lines + 1) to \(batch.lines): \(error.message); the lines before them are stored",
                    underlyingError: error.underlyingError)
            }
            progress.advance(by: batch.bytes - reached.bytes, entries: batch.records.count)
            expired += batch.expired
            (reached.lines, reached.bytes) = (batch.lines, batch.bytes)
            try reached.write(to: checkpoint)
            next = try await following.value
        }
        return TransferAnswer(progress, expired: expired)
    }
}

extension FileHandle {
    /// The size of a file in bytes; nil for anything else, for example a pipe.
    fileprivate var size: Int? {
        var status = stat()
        guard fstat(fileDescriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }
}
