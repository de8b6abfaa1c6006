import ArgumentParser
import FedifyMySQL

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Creates the table and its index, if they don't exist.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await store.withStore { try await $0.createTable() }
        try output.write(["ok": true])
    }
}
