import ArgumentParser
import Foundation

/// Standard output, a whole line at a time, from any number of tasks.
final class StandardOutput: Sendable {
    static let shared = StandardOutput()

    private let lock = NSLock()

    /// - Throws: `ExitCode` 3 if the reader has closed it.
    func writeLine(_ line: String) throws {
        try lock.withLock {
            do {
                try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
            } catch {
                // As `head` does.
                throw ExitCode(3)
            }
        }
    }
}
