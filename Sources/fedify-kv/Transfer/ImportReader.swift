import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL

/// The entries of JSON lines, a batch at a time.
actor ImportReader {
    private static let maximumRows = 1000
    private static let maximumBytes = 1 << 20

    struct Batch: Sendable {
        var records: [MySQLKvStore.Record] = []
        var expired = 0
        /// The number of lines up to its end, and their bytes.
        var lines: Int
        var bytes: Int
    }

    private let source: LineReader
    /// The server's time, advanced by the local clock.
    private let time: Int64
    private let asked = ContinuousClock.now
    private var lines = 0
    private var bytes = 0

    /// - Parameters:
    ///   - source: The lines.
    ///   - time: The server's time, in microseconds since 1970.
    init(_ source: LineReader, time: Int64) {
        self.source = source
        self.time = time
    }

    /// Skips to the position of an interrupted import.
    func skip(to checkpoint: Checkpoint) async throws {
        while lines < checkpoint.lines, try await line() != nil {}
        guard lines == checkpoint.lines, bytes == checkpoint.bytes else {
            throw ValidationError("The input isn't the one of the checkpoint: its lines differ.")
        }
    }

    /// - Returns: The next batch; nil at the end.
    /// - Throws: `KvError` for a line that is not an entry; its batch is discarded.
    func next() async throws -> Batch? {
        let (first, start) = (lines, bytes)
        var batch = Batch(lines: lines, bytes: bytes)
        let now = time + Int64(asked.duration(to: .now) / .microseconds(1))
        while batch.records.count < Self.maximumRows, bytes - start < Self.maximumBytes {
            let beginning = bytes
            guard let line = try await line() else { break }
            // Files often end with an empty line.
            if case .text(let text) = line, text.allSatisfy(\.isBlank) { continue }
            do {
                guard case .text(let text) = line else { throw RecordLine.Malformed(reason: "it is too long") }
                if let record = try RecordLine.record(text, now: now) {
                    batch.records.append(record)
                } else {
                    batch.expired += 1
                }
            } catch let error as RecordLine.Malformed {
                let stored = first == 0 ? "nothing is stored" : "the \(first) lines before its batch are stored"
                throw KvError(
                    .invalidValue,
                    "line \(lines), from byte \(beginning) on, is not an entry: \(error.reason); \(stored)")
            }
        }
        (batch.lines, batch.bytes) = (lines, bytes)
        return lines == first ? nil : batch
    }

    private func line() async throws -> LineReader.Line? {
        guard let line = try await source.next() else { return nil }
        lines += 1
        if case .text(let text) = line { bytes += text.count + 1 }
        return line
    }
}

extension UInt8 {
    /// White space within a line.
    fileprivate var isBlank: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") || self == UInt8(ascii: "\r")
    }
}
