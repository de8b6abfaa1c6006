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
            out. Lines are stored in batches, one after the other, each whole or not at all; an entry that is there is \
            overwritten. A line that is no entry, or that the server can't keep, ends the import: what stands before \
            its batch is stored, and nothing else.

            With --checkpoint, how much is stored is kept in a file, and an import that was interrupted goes on behind \
            that, with the same input.

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

    func run() async throws {
        var source = FileHandle.standardInput
        if let input {
            guard let file = FileHandle(forReadingAtPath: input) else {
                throw ValidationError("The file \(input) can't be read.")
            }
            source = file
        }
        let answer = try await store.withStore { [source] kv in
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
            // While one is stored the next one is read. No child task: an error must not wait for more input.
            let following = Task { try await reader.next() }
            do {
                try await kv.set(records: batch.records)
            } catch {
                throw KvError(
                    error.code,
                    "lines \(reached.lines + 1) to \(batch.lines): \(error.message); what stands before them is stored",
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
    /// The bytes of a file; nil for what is none, such as a pipe.
    fileprivate var size: Int? {
        var status = stat()
        guard fstat(fileDescriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }
}
