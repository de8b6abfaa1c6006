import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL
import Foundation

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes all entries below a prefix as JSON lines, with their expiry.",
        discussion: """
            A line is {"key":["a"],"value":1,"expires":1764000000.123456}, with the expiry in seconds since 1970 in \
            UTC by the server's clock; without it the entry never expires. Lines are sorted by key. An export is not a \
            snapshot: an entry that is added or removed in the meantime may or may not be included.

            Examples:
              fedify-kv export > all.jsonl
              fedify-kv export users --output users.jsonl
              fedify-kv export users --output users.jsonl --resume
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each. Default: all entries.")
    var prefix: [String] = []

    @Option(
        name: .customLong("output"), help: "The file to write, which must not exist. Default: standard output.")
    var file: String?

    @Flag(help: "Continues an interrupted export after the last complete line of the file.")
    var resume = false

    func validate() throws {
        if resume, file == nil { throw ValidationError("--resume needs --output.") }
        if output.json, file == nil { throw ValidationError("--json needs --output: the lines go to standard output.") }
    }

    func run() async throws {
        let prefix = KvKey(prefix)
        let (destination, answer) = try await store.withStore { kv in
            // Before the file is created.
            try await kv.requireTable()
            try await store.checkClock(of: kv)
            let (destination, last) = try openDestination()
            let progress = Progress(total: await Progress.total(of: kv, prefix: prefix, after: last))
            defer { progress.finish() }
            var skipped = 0
            for try await page in kv.records(prefix: prefix, after: last) {
                try write(page.records.map { RecordLine.text($0) + "\n" }.joined(), to: destination)
                skipped += page.skipped
                progress.advance(by: page.records.count, entries: page.records.count)
            }
            return (destination, TransferAnswer(progress, skipped: skipped))
        }
        guard file != nil else {
            // Standard output has the lines.
            if let skipped = answer.skipped, skipped > 0 { standardError(answer.text("exported")) }
            return
        }
        try destination.synchronize()
        try destination.close()
        try output.write(answer, answer.text("exported"))
    }

    /// The destination of the lines, and the key to continue after.
    private func openDestination() throws -> (FileHandle, KvKey?) {
        guard let file else { return (FileHandle.standardOutput, nil) }
        return resume ? try ExportFile.reopen(file) : (try ExportFile.create(file), nil)
    }

    private func write(_ lines: String, to destination: FileHandle) throws {
        do {
            try destination.write(contentsOf: Data(lines.utf8))
        } catch {
            // The reader has closed the pipe, as `head` does.
            guard file != nil else { throw ExitCode(3) }
            throw KvError(.serverError, "the file can't be written: \(error.localizedDescription)")
        }
    }
}

/// The file of an export.
enum ExportFile {
    /// A new file.
    static func create(_ path: String) throws -> FileHandle {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ValidationError(
                "The file \(path) can't be created: \(String(cString: strerror(errno))). (--resume continues one.)")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// A file of an interrupted export, truncated after its last complete line.
    static func reopen(_ path: String) throws -> (file: FileHandle, lastKey: KvKey?) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ValidationError("The file \(path) can't be opened: \(String(cString: strerror(errno))).")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let size = try file.seekToEnd()
        let (end, line) = try lastLine(of: file, size)
        func cut() throws {
            try file.truncate(atOffset: end)
            try file.seek(toOffset: end)
        }
        guard !line.isEmpty else {
            try cut()
            return (file, nil)
        }
        guard let text = String(validating: line, as: UTF8.self),
            let key = (try? JSONDocument(text))?.members()?["key"].flatMap(KvKey.init(serialized:))
        else { throw ValidationError("The last line of \(path) doesn't come from an export.") }
        try cut()
        return (file, key)
    }

    /// The end of the last complete line, and that line. Reads backward, in chunks of growing size.
    private static func lastLine(of file: FileHandle, _ size: UInt64) throws -> (end: UInt64, [UInt8]) {
        var length = min(size, 1 << 16)
        while length > 0 {
            try file.seek(toOffset: size - length)
            let bytes = [UInt8](try file.read(upToCount: Int(length)) ?? Data())
            if let end = bytes.lastIndex(of: UInt8(ascii: "\n")) {
                let before = bytes[..<end].lastIndex(of: UInt8(ascii: "\n"))
                if before != nil || length == size {
                    return (size - length + UInt64(end) + 1, Array(bytes[(before.map { $0 + 1 } ?? 0)..<end]))
                }
            } else if length == size {
                return (0, [])
            }
            length = min(size, length * 4)
        }
        return (0, [])
    }
}
