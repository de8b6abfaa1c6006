import Foundation

/// The result of a check.
struct Finding: Encodable, Sendable {
    enum Level: String, Encodable { case good, warn, bad }

    /// The name of the check.
    var check = ""
    let level: Level
    let seen: String
    /// The advice.
    let advice: String?

    init(_ level: Level, _ seen: String, advice: String? = nil) {
        self.level = level
        self.seen = seen
        self.advice = advice
    }

    var text: String {
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
