package import ArgumentParser
import Foundation

/// Ends the process with the message and the exit code of an error that is not of the store or the queue.
///
/// - Parameters:
///   - error: The error.
///   - command: The root command, whose help is shown.
package func endProcess(with error: any Error, of command: any ParsableCommand.Type) -> Never {
    switch error {
    case let error as POSIXError:
        let message = "a file can't be read or written: \(error.localizedDescription)"
        standardError(message, code: "fileFailed", message)
        Foundation.exit(3)
    case let code as ExitCode: Foundation.exit(code.rawValue)
    default:
        // ArgumentParser's own: help and version end with 0, what it could not parse with 2.
        guard command.exitCode(for: error) != .success else { command.exit(withError: error) }
        standardError(command.fullMessage(for: error), code: "usage", command.message(for: error))
        Foundation.exit(2)
    }
}
