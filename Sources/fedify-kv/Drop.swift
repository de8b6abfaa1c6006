import ArgumentParser
import FedifyMySQL
import Foundation

struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drops the table with all its entries. Asks first, except with --yes.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Flag(help: "Don't ask.")
    var yes = false

    func run() async throws {
        if !yes {
            guard isatty(STDIN_FILENO) == 1 else {
                throw ValidationError("There is no terminal for the confirmation. Pass --yes to drop the table.")
            }
            FileHandle.standardError.write(
                Data("This drops the table \(store.table) and all its entries. Type its name to continue: ".utf8))
            guard readLine() == store.table else {
                standardError("Nothing was dropped.")
                throw ExitCode(1)
            }
        }
        try await store.withStore { try await $0.dropTable() }
        try output.write(["ok": true])
    }
}
