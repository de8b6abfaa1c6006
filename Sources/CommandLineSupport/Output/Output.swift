import ArgumentParser
import Foundation

/// Standard output, a whole line at a time, from any number of tasks.
package final class StandardOutput: Sendable {
    package static let shared = StandardOutput()

    private let lock = NSLock()

    /// - Throws: `ExitCode` 3 if the reader has closed it.
    package func writeLine(_ line: String) throws {
        try write(line + "\n")
    }

    /// - Throws: `ExitCode` 3 if the reader has closed it.
    package func write(_ text: String) throws {
        try lock.withLock {
            do {
                try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
            } catch {
                // As `head` does.
                throw ExitCode(3)
            }
        }
    }
}

/// Whether the answer is JSON.
package struct OutputArguments: ParsableArguments {
    @Flag(help: "Answer with one line of JSON; errors too, on standard error.")
    package var json = false

    package init() {}

    /// Prints an answer as JSON or as text.
    package func write(_ answer: some Encodable, _ text: @autoclosure () -> String? = nil) throws {
        if json {
            try StandardOutput.shared.writeLine(encoded(answer))
        } else if let text = text() {
            try StandardOutput.shared.writeLine(text)
        }
    }
}

/// One line of JSON, members sorted by name.
package func encoded(_ answer: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(answer), as: UTF8.self)
}
