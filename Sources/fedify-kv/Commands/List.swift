import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the entries below a prefix, one JSON object a line: {\"key\":[\"a\"],\"value\":1}.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each. Default: all entries.")
    var prefix: [String] = []

    func run() async throws {
        try await store.withStore { kv in
            for try await entry in kv.list(prefix: KvKey(prefix)) {
                try StandardOutput.shared.writeLine(entry.oneLine)
            }
        }
    }
}

struct Count: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the number of entries below a prefix.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each; all entries, if left out.")
    var prefix: [String] = []

    func run() async throws {
        let count = try await store.withStore { try await $0.count(prefix: KvKey(prefix)) }
        try output.write(["count": count], "\(count)")
    }
}
