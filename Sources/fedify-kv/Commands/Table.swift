import ArgumentParser
import FedifyMySQL
import Foundation

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes the table and its index, if they aren't there.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await store.withStore { try await $0.createTable() }
        try output.write(["ok": true])
    }
}

struct Sweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes the rows of expired entries, and prints how many.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        let removed = try await store.withStore { kv in
            try await store.checkClock(of: kv)
            return try await kv.deleteExpired()
        }
        try output.write(["removed": removed], "\(removed)")
    }
}

struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drops the table with all that is in it. Asks first, unless told not to.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Flag(help: "Don't ask.")
    var yes = false

    func run() async throws {
        if !yes {
            guard isatty(STDIN_FILENO) == 1 else {
                throw ValidationError("There is no terminal to ask on. Give --yes to drop the table.")
            }
            FileHandle.standardError.write(
                Data("This drops the table \(store.table) and all it holds. Type its name to go on: ".utf8))
            guard readLine() == store.table else {
                standardError("Nothing was dropped.")
                throw ExitCode(1)
            }
        }
        try await store.withStore { try await $0.dropTable() }
        try output.write(["ok": true])
    }
}
