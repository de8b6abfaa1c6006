import Foundation

/// Writes a line to standard error.
package func standardError(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// Writes an error to standard error, as JSON with `--json`.
package func standardError(_ text: String, code: String, _ message: String) {
    // The command may be one that could not be parsed.
    let isJSON = CommandLine.arguments.contains("--json")
    let json = ["error": ["code": code, "message": message]]
    standardError(isJSON ? (try? encoded(json)) ?? text : text)
}
