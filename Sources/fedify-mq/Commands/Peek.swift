import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import MySQLClient
import PipeSupport

struct Peek: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists the waiting messages that come next, without the messages themselves.",
        discussion: """
            Columns: the id; the age since the message was enqueued; when it is due, a negative time if it is ready; \
            failed or begun attempts; the ordering key. A message that another process handles at the moment is due \
            when its lease ends. With --id one message is printed, as JSON; exits with 1 if it doesn't exist.
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments

    @Option(help: "The maximum number of messages.")
    var limit = 20

    @Option(parsing: .unconditional, help: "Only messages of this ordering key.")
    var orderingKey: String?

    @Option(help: "Print the message with this id.")
    var id: String?

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
    }

    func run() async throws {
        if let id { return try await show(id) }
        let messages = try await queue.withQueue { queue in
            try await queue.requireTable()
            return try await queue.peek(limit: limit, orderingKey: orderingKey)
        }
        guard !output.json else { return try output.write(["messages": messages]) }
        let rows = messages.map { message in
            [
                message.id, message.age.map(Self.time) ?? "", Self.time(message.due),
                message.attempts.map(String.init) ?? "", (message.orderingKey ?? "").escaped(limit: 60),
            ]
        }
        try StandardOutput.shared.writeLine(TextTable([["id", "age", "due", "attempts", "ordering key"]] + rows).text)
    }

    private func show(_ id: String) async throws {
        let found = try await queue.withQueue { queue in
            try await queue.requireTable()
            return try await queue.waitingMessage(id)
        }
        guard let found else {
            try output.write(["found": false])
            throw ExitCode(1)
        }
        let message = found.message.oneLine
        guard output.json else { return try StandardOutput.shared.writeLine(message) }
        // The message's own text is kept.
        try StandardOutput.shared.writeLine("{\"found\":true,\"message\":\(message),\"row\":\(encoded(found.row))}")
    }

    /// A time in the unit that fits.
    static func time(_ seconds: Double) -> String {
        let size = abs(seconds)
        let text =
            switch size {
            case ..<10: "\((size * 10).rounded() / 10) s"
            case ..<120: "\(Int(size)) s"
            case ..<7200: "\(Int(size / 60)) min"
            case ..<172_800: "\(Int(size / 3600)) h"
            default: "\(Int(size / 86400)) days"
            }
        return seconds < 0 ? "-\(text)" : text
    }
}
