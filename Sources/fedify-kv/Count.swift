import ArgumentParser
import FedifyKv
import FedifyMySQL

struct Count: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the number of entries below a prefix.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each. Default: all entries.")
    var prefix: [String] = []

    func run() async throws {
        let count = try await store.withStore { try await $0.count(prefix: KvKey(prefix)) }
        try output.write(["count": count], "\(count)")
    }
}
