import ArgumentParser
import FedifyMySQL

struct Sweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes the rows of expired entries, and prints how many.")

    @OptionGroup var store: StoreArguments

    func run() async throws {
        let removed = try await store.withStore { try await $0.deleteExpired() }
        try StandardOutput.shared.writeLine("\(removed)")
    }
}
