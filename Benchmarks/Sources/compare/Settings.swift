import Foundation
import Support

/// What is asked for in the environment; Scripts/bench.sh says what there is.
struct Settings {
    let cells: [Cell]
    let measuresMemory: Bool
    let rounds: Int
    let seconds: Double
    let warmUp: Double
    let secondsOfMemory: Double
    let listedRows: Int
    /// The contestants' program, with today's library and with the one before.
    let program: String
    let programBefore: String?
    private let hasEventLoops: Bool

    init(_ environment: [String: String]) throws {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func number<T: LosslessStringConvertible & Comparable & Numeric>(_ name: String, _ usual: T) throws -> T {
            guard let text = text(name) else { return usual }
            guard let number = T(text), number > 0 else {
                throw Failure(description: "\(name) must be a number above zero")
            }
            return number
        }
        guard let program = text("CONTESTANT") else { throw Failure(description: "CONTESTANT names no program") }
        self.program = program
        programBefore = text("CONTESTANT_BEFORE")
        hasEventLoops = text("FEDIFY_KV_BASELINE") != "1"
        let isQuick = text("QUICK") == "1"
        let words = (text("CELLS") ?? Cell.standard).split(whereSeparator: \.isWhitespace)
        measuresMemory = words.contains("memory")
        cells = try words.filter { $0 != "memory" }.map { word in
            guard let cell = Cell(word) else {
                throw Failure(description: "CELLS has \(word), which is neither memory nor like get:8@2000")
            }
            return cell
        }
        rounds = try number("ROUNDS", isQuick ? 3 : 5)
        seconds = try number("SECONDS_EACH", isQuick ? 0.8 : 3)
        warmUp = isQuick ? 0.3 : 0.5
        secondsOfMemory = isQuick ? 10 : 60
        listedRows = isQuick ? 100_000 : 1_000_000
    }

    func takesPart(_ contestant: Contestant) -> Bool {
        switch contestant {
        case .before, .beforeOff: programBefore != nil
        case .loops: hasEventLoops
        default: true
        }
    }
}
