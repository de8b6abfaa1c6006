import ArgumentParser
import CommandLineSupport
import Foundation

/// A confirmation of what can't be undone.
struct ConfirmationArguments: ParsableArguments {
    @Flag(help: "Don't ask.")
    var yes = false

    /// Asks for the table's name, except with `--yes`.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - action: The consequences, as "This drops the table t and all its entries."
    /// - Throws: `ValidationError` without a terminal; `ExitCode` 1 if it isn't confirmed.
    func ask(for table: String, _ action: String) throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("There is no terminal for the confirmation. \(action) Pass --yes to do it.")
        }
        FileHandle.standardError.write(Data("\(action) Type the table's name, \(table), to continue: ".utf8))
        guard readLine() == table else {
            standardError("Nothing was changed.")
            throw ExitCode(1)
        }
    }
}
