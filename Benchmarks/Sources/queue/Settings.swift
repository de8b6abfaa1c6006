import Foundation
import Support

/// How much of everything there is; Scripts/bench.sh says what can be asked for in the environment.
struct Settings {
    let parts: [Trial.Part]
    let rounds: Int
    /// How long something is measured that has no end of its own.
    let seconds: Double
    /// Messages that are consumed.
    let backlog: Int
    let orderedMessages: Int
    let messagesOfOneKey: Int
    /// A large backlog, and a small one.
    let large: Int
    let small = 10_000
    /// How many messages a table has seen that is compared with a fresh one.
    let handled: Int
    let latencies: Int
    /// Messages that find an idle listener of another process.
    let lateMessages: Int
    let idleSeconds: Double

    /// Callers at a time, and handlers.
    static let concurrency = 64
    static let keys = 1000
    static let pollInterval = Duration.milliseconds(250)

    init(_ environment: [String: String]) throws {
        func number<T: LosslessStringConvertible & Comparable & Numeric>(_ name: String, _ usual: T) throws -> T {
            guard let text = environment[name], !text.isEmpty else { return usual }
            guard let number = T(text), number > 0 else {
                throw Failure(description: "\(name) must be a number above zero")
            }
            return number
        }
        let words = (environment["PARTS"] ?? "").split(whereSeparator: \.isWhitespace)
        parts =
            try words.isEmpty
            ? Trial.Part.allCases
            : words.map { word in
                guard let part = Trial.Part(rawValue: String(word)) else {
                    let all = Trial.Part.allCases.map(\.rawValue).joined(separator: " ")
                    throw Failure(description: "PARTS has \(word), which is none of: \(all)")
                }
                return part
            }
        let isQuick = environment["QUICK"] == "1"
        rounds = try number("ROUNDS", isQuick ? 1 : 3)
        seconds = try number("SECONDS_EACH", isQuick ? 1 : 4)
        backlog = isQuick ? 20_000 : 200_000
        orderedMessages = isQuick ? 10_000 : 50_000
        messagesOfOneKey = isQuick ? 500 : 3000
        large = isQuick ? 100_000 : 1_000_000
        handled = environment["LONG"] == "1" ? 10_000_000 : large
        latencies = isQuick ? 200 : 1000
        lateMessages = isQuick ? 3 : 10
        idleSeconds = isQuick ? 5 : 20
    }
}
