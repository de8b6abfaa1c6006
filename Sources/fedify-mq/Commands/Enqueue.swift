import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation
import PipeSupport

struct Enqueue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Enqueues messages, and prints their number.",
        discussion: """
            Messages are JSON: a string includes its quotes. Those given as arguments are enqueued together: all, or \
            none. Without arguments, each line of standard input is a message; empty lines are ignored. Lines are \
            enqueued in order, up to 256 at a time. A line that is not JSON ends it with a message that names the \
            line; the messages before it are enqueued.

            Examples:
              fedify-mq enqueue '{"to":"a"}' '{"to":"b"}' --ordering-key https://example.com/users/alice
              fedify-mq enqueue --delay 60 < messages.jsonl
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments

    @Option(parsing: .unconditional, help: "Seconds before which the messages are not delivered, fractions allowed.")
    var delay = 0.0

    @Option(
        parsing: .unconditional, help: "Messages of one key are handled one at a time, in order, over all processes.")
    var orderingKey: String?

    @Argument(help: "A message as JSON. Default: lines of standard input.")
    var message: [String] = []

    private static let maximumMessages = 256
    private static let maximumBytes = 1 << 20

    func run() async throws {
        let delay = try Duration(argument: delay, "--delay")
        let messages = try message.enumerated().map { try Self.parsed($1, "argument \($0 + 1)") }
        let count = try await queue.withQueue { queue in
            guard messages.isEmpty else {
                try await queue.enqueue(messages, delay: delay, orderingKey: orderingKey)
                return messages.count
            }
            return try await enqueueLines(queue, delay)
        }
        try output.write(["enqueued": count], "\(count)")
    }

    private func enqueueLines(_ queue: MySQLMessageQueue, _ delay: Duration) async throws -> Int {
        let lines = LineReader(.standardInput)
        var (batch, bytes, number, count) = ([JSONValue](), 0, 0, 0)
        func flush() async throws {
            try await queue.enqueue(batch, delay: delay, orderingKey: orderingKey)
            count += batch.count
            (batch, bytes) = ([], 0)
        }
        while let line = try await lines.next() {
            number += 1
            do {
                guard case .text(let text) = line else {
                    throw MQError(.messageTooLarge, "line \(number) is longer than \(LineReader.entryLength) bytes")
                }
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw MQError(.invalidMessage, "line \(number) isn't UTF-8")
                }
                guard text.contains(where: { !$0.isWhitespace }) else { continue }
                batch.append(try Self.parsed(text, "line \(number)"))
                bytes += text.utf8.count
            } catch {
                try await flush()
                throw error
            }
            if batch.count == Self.maximumMessages || bytes >= Self.maximumBytes { try await flush() }
        }
        try await flush()
        return count
    }

    private static func parsed(_ text: String, _ place: String) throws(MQError) -> JSONValue {
        do {
            return try JSONValue(json: text)
        } catch {
            throw MQError(.invalidMessage, "\(place) isn't JSON: \(error)")
        }
    }
}
