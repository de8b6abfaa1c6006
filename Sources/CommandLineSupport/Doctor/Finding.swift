import Foundation

/// The result of a check.
package struct Finding: Encodable, Sendable {
    package enum Level: String, Encodable { case good, warn, bad }

    /// The name of the check.
    package var check = ""
    package let level: Level
    package let seen: String
    /// The advice.
    package let advice: String?

    package init(_ level: Level, _ seen: String, advice: String? = nil) {
        self.level = level
        self.seen = seen
        self.advice = advice
    }

    package var text: String {
        let colour: Terminal.Colour =
            switch level {
            case .good: .green
            case .warn: .yellow
            case .bad: .red
            }
        let word = level.rawValue.padding(toLength: 6, withPad: " ", startingAt: 0)
        let name = check.padding(toLength: 14, withPad: " ", startingAt: 0)
        return Terminal.coloured(word, colour) + name + seen
            + (advice.map { "\n" + String(repeating: " ", count: 20) + $0 } ?? "")
    }
}
