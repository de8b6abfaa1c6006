import Dispatch
package import Foundation

/// Lines of a file, each read when it is asked for, on a thread that may block.
///
/// Only one call of ``next()`` may be under way.
package final class LineReader: Sendable {
    package enum Line: Sendable {
        case text([UInt8])
        /// A line of more bytes than allowed; it was skipped.
        case tooLong
    }

    private static let chunkSize = 1 << 16
    /// Bytes of the largest value there can be, with room for its key.
    package static let entryLength = (1 << 30) + (1 << 16)

    package let maximumLength: Int
    private let queue = DispatchQueue(label: "line-reader")
    private let file: FileHandle
    // Safe: only touched on `queue`, which runs one block at a time.
    nonisolated(unsafe) private var buffer: [UInt8] = []
    nonisolated(unsafe) private var scanned = 0
    nonisolated(unsafe) private var isAtEnd = false

    package init(_ file: FileHandle, maximumLength: Int = LineReader.entryLength) {
        self.file = file
        self.maximumLength = maximumLength
    }

    /// The next line, or nil at the end.
    ///
    /// - Throws: `POSIXError` if the file can't be read.
    package func next() async throws -> Line? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.read() }) }
        }
    }

    private func read() throws -> Line? {
        var isTooLong = false
        while true {
            if let end = buffer[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
                defer {
                    buffer.removeFirst(end + 1)
                    scanned = 0
                }
                return isTooLong || end > maximumLength ? .tooLong : .text(Array(buffer[..<end]))
            }
            if isAtEnd {
                defer {
                    buffer = []
                    scanned = 0
                }
                if isTooLong { return .tooLong }
                return buffer.isEmpty ? nil : .text(buffer)
            }
            scanned = buffer.count
            if buffer.count > maximumLength {
                isTooLong = true
                buffer = []
                scanned = 0
            }
            try fill()
        }
    }

    private func fill() throws {
        // Not FileHandle.read(upToCount:): on Linux that waits until it has them all.
        try withUnsafeTemporaryAllocation(byteCount: Self.chunkSize, alignment: 1) { chunk in
            let count = Foundation.read(file.fileDescriptor, chunk.baseAddress, chunk.count)
            switch count {
            case 1...: buffer.append(contentsOf: chunk[..<count])
            case 0: isAtEnd = true
            default: if errno != EINTR { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            }
        }
    }
}
