import ArgumentParser
import Foundation

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
