import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import MySQLClient
import PipeSupport

struct Dead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists, shows, retries and drops dead messages: those out of attempts, or rejected.",
        subcommands: [List.self, Show.self, Retry.self, Drop.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists dead messages, the last to die first, without the messages themselves.")

        @OptionGroup var queue: QueueArguments
        @OptionGroup var output: OutputArguments

        @Option(help: "The maximum number of messages.")
        var limit = 20

        func validate() throws {
            guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
        }

        func run() async throws {
            let messages = try await queue.withQueue { queue in
                try await queue.requireTable()
                return try await queue.dead(limit: limit)
            }
            guard !output.json else { return try output.write(["messages": messages]) }
            let rows = messages.map { message in
                [
                    message.id, "\(Peek.time(message.died)) ago", "\(message.attempts)",
                    (message.orderingKey ?? "").escaped(limit: 40), (message.lastError ?? "").escaped(limit: 60),
                ]
            }
            try StandardOutput.shared.writeLine(
                TextTable([["id", "died", "attempts", "ordering key", "last error"]] + rows).text)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a dead message with what surrounds it, as JSON; exits with 1 if it doesn't exist.")

        @OptionGroup var queue: QueueArguments
        @OptionGroup var output: OutputArguments

        @Argument(help: "The message's id.")
        var id: String

        func run() async throws {
            let found = try await queue.withQueue { queue in
                try await queue.requireTable()
                return try await queue.deadMessage(id)
            }
            guard let found else {
                try output.write(["found": false])
                throw ExitCode(1)
            }
            try StandardOutput.shared.writeLine(
                "{\"found\":true,\"message\":\(found.message.oneLine),\"row\":\(encoded(found.row))}")
        }
    }

    /// One dead message, or all.
    struct Selection: ParsableArguments {
        @Flag(help: "All dead messages.")
        var all = false

        @Argument(help: "The messages' ids.")
        var id: [String] = []

        func validate() throws {
            guard all != !id.isEmpty else { throw ValidationError("Give ids, or --all.") }
        }

        /// nil: all.
        var ids: [String]? { all ? nil : id }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Moves dead messages back into the queue, to be delivered now, with no attempts counted.",
            discussion: "Prints how many were moved; exits with 1 if one of the ids doesn't exist.")

        @OptionGroup var queue: QueueArguments
        @OptionGroup var output: OutputArguments
        @OptionGroup var selection: Selection

        func run() async throws {
            let moved = try await queue.withQueue { queue in
                try await queue.requireTable()
                return try await queue.retryDead(selection.ids)
            }
            try output.write(["retried": moved], "\(moved)")
            if let ids = selection.ids, moved < Set(ids).count { throw ExitCode(1) }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes dead messages. With --all it asks first, except with --yes.",
            discussion: "Prints how many were deleted; exits with 1 if one of the ids doesn't exist.")

        @OptionGroup var queue: QueueArguments
        @OptionGroup var output: OutputArguments
        @OptionGroup var selection: Selection
        @OptionGroup var confirmation: ConfirmationArguments

        func run() async throws {
            if selection.all {
                try confirmation.ask(for: queue.table, "This deletes all dead messages of the table \(queue.table).")
            }
            let dropped = try await queue.withQueue { queue in
                try await queue.requireTable()
                return try await queue.dropDead(selection.ids)
            }
            try output.write(["dropped": dropped], "\(dropped)")
            if let ids = selection.ids, dropped < Set(ids).count { throw ExitCode(1) }
        }
    }
}
