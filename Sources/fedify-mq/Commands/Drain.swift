import ArgumentParser
import CommandLineSupport
import FedifyMySQL

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deletes the waiting messages, and prints their number. Asks first, except with --yes.",
        discussion: """
            All messages that are not handled to their end are deleted: ready ones, delayed ones, and those that a \
            handler has at the moment, which is cancelled where it can be. Dead messages stay; see dead drop.
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var confirmation: ConfirmationArguments

    @Option(parsing: .unconditional, help: "Only messages of this ordering key.")
    var orderingKey: String?

    func run() async throws {
        let which = orderingKey == nil ? "all waiting messages" : "the waiting messages of this ordering key"
        try confirmation.ask(for: queue.table, "This deletes \(which) in the table \(queue.table).")
        let deleted = try await queue.withQueue { queue in
            try await queue.requireTable()
            return try await queue.drain(orderingKey: orderingKey)
        }
        try output.write(["deleted": deleted], "\(deleted)")
    }
}
