import ArgumentParser
import FedifyMySQL

struct Sweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes the rows of expired entries, and prints how many.")

    @OptionGroup var store: StoreArguments

    func run() async throws {
        try await StandardOutput.shared.writeLine("\(store.open().deleteExpired())")
    }
}
