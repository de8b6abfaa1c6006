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

/// Whether the answer is JSON.
struct OutputArguments: ParsableArguments {
    @Flag(help: "Answer with one line of JSON; errors too, on standard error.")
    var json = false

    /// Prints an answer as JSON or as text.
    func write(_ answer: some Encodable, _ text: @autoclosure () -> String? = nil) throws {
        if json {
            try StandardOutput.shared.writeLine(encoded(answer))
        } else if let text = text() {
            try StandardOutput.shared.writeLine(text)
        }
    }
}

/// One line of JSON, members sorted by name.
func encoded(_ answer: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(answer), as: UTF8.self)
}
