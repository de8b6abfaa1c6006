import ArgumentParser
import FedifyKv
import Foundation

/// Standard output, a whole line at a time, from any number of tasks.
final class StandardOutput: Sendable {
    static let shared = StandardOutput()

    private let lock = NSLock()

    /// - Throws: `ExitCode` 3 if nobody reads any more.
    func writeLine(_ line: String) throws {
        try lock.withLock {
            do {
                try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
            } catch {
                // As when `head` has seen enough.
                throw ExitCode(3)
            }
        }
    }
}

extension KvValue {
    /// The text without line breaks. JSON has none within its strings; a server that keeps text verbatim may have some
    /// between its parts.
    var oneLine: String {
        guard json.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return json }
        return String(decoding: json.utf8.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, as: UTF8.self)
    }
}

extension KvEntry {
    /// The entry as a JSON object on one line.
    var oneLine: String { "{\"key\":\(key.serialized),\"value\":\(value.oneLine)}" }
}
