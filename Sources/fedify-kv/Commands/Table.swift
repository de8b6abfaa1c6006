import CommandLineSupport
import ArgumentParser
import FedifyMySQL
import Foundation

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Creates the table and its index, if they don't exist.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await store.withStore(creatingTable: true) { try await $0.createTable() }
        try output.write(["ok": true])
    }
}

struct Sweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes the rows of expired entries and prints their number.")

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
        abstract: "Drops the table with all its entries. Asks first, except with --yes.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Flag(help: "Don't ask.")
    var yes = false

    func run() async throws {
        guard yes || isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("There is no terminal for the confirmation. Pass --yes to drop the table.")
        }
        try await store.withStore { kv in
            try await kv.requireTable()
            if !yes { try confirm() }
            try await kv.dropTable()
        }
        try output.write(["ok": true])
    }

    private func confirm() throws {
        FileHandle.standardError.write(
            Data("This drops the table \(store.table) and all its entries. Type its name to continue: ".utf8))
        guard readLine() == store.table else {
            standardError("Nothing was dropped.")
            throw ExitCode(1)
        }
    }
}
