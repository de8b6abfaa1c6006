import ArgumentParser
import CommandLineSupport
import FedifyMySQL

struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Creates the table and that of dead messages, if they don't exist.")

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments

    @Flag(
        help: """
            Add the columns attempts and last_error to a table that Fedify's TypeScript queue has created; it never \
            notices them.
            """)
    var upgrade = false

    func run() async throws {
        try await queue.withQueue { try await $0.initialize(upgrading: upgrade) }
        try output.write(["ok": true])
    }
}
