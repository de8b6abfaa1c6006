import Foundation

/// Output for terminals only.
package enum Terminal {
    package enum Colour: String { case green = "32", yellow = "33", red = "31", dim = "2" }

    /// Whether to use colors: on a terminal, without NO_COLOR (no-color.org).
    package static let outputHasColours = isatty(STDOUT_FILENO) == 1 && !wantsNoColour
    package static let errorsAreSeen = isatty(STDERR_FILENO) == 1

    private static let wantsNoColour = ProcessInfo.processInfo.environment["NO_COLOR"].map { !$0.isEmpty } ?? false

    package static func coloured(_ text: String, _ colour: Colour) -> String {
        outputHasColours && !text.isEmpty ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}
