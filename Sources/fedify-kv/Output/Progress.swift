import CommandLineSupport
import Foundation
import NIOConcurrencyHelpers

/// A progress bar on standard error; silent without a terminal.
final class Progress: Sendable {
    private struct State {
        var done = 0
        var entries = 0
        var drawn: ContinuousClock.Instant?
    }

    private let total: Int?
    private let begun = ContinuousClock.now
    private let state = NIOLockedValueBox(State())

    /// - Parameter total: The total, in the caller's units; nil: unknown.
    init(total: Int?) {
        self.total = total
    }

    var entries: Int { state.withLockedValue(\.entries) }

    /// Time since the beginning.
    var elapsed: Duration { begun.duration(to: .now) }

    func advance(by done: Int, entries: Int) {
        let drawn = state.withLockedValue { state -> String? in
            state.done += done
            state.entries += entries
            let now = ContinuousClock.now
            if let drawn = state.drawn, drawn.duration(to: now) < .milliseconds(100) { return nil }
            state.drawn = now
            return self.line(state)
        }
        if Terminal.errorsAreSeen, let drawn { write("\r\(drawn)\u{1B}[K") }
    }

    /// Removes the bar.
    func finish() {
        if Terminal.errorsAreSeen { write("\r\u{1B}[K") }
    }

    private func line(_ state: State) -> String {
        let seconds = max(elapsed / .seconds(1), 0.001)
        let rate = "\(state.entries) entries, \(Int(Double(state.entries) / seconds))/s"
        guard let total, total > 0 else { return rate }
        let part = min(1, Double(state.done) / Double(total))
        let width = 30
        let filled = Int(part * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let left = part > 0 ? Int(seconds / part - seconds) : 0
        return "\(bar) \(Int(part * 100)) %  \(rate)  \(left / 60):\(String(left % 60 + 100).dropFirst()) left"
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
