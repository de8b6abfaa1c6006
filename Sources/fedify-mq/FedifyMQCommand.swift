import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient

@main
struct FedifyMQCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fedify-mq",
        abstract: "Enqueues and handles the messages of a Fedify message queue in MySQL or MariaDB.",
        discussion: """
            Messages are JSON. They appear in no output but that of peek --id, dead show and pipe, and in the input \
            of the command that listen runs. The server is given by --url or, safer for its password, by the \
            environment variable MYSQL_URL.

            Exit codes:
              0    Success.
              1    A negative result: peek --id, dead show, dead retry or dead drop
                   found no such message, drain or dead drop was not confirmed, or
                   doctor found something bad.
              2    Usage: a wrong command, option, URL or ordering key; a message
                   that isn't JSON, or that the server can't keep.
              3    The queue failed: the server can't be reached or refuses, the
                   table doesn't exist, or standard output was closed.
              130  bench was interrupted.

            The commands enqueue, listen, init and pipe create the table if it doesn't exist, and bench one of its own; \
            all others except doctor fail without it.

            Examples:
              fedify-mq enqueue '{"to":"https://example.com/inbox"}' --delay 60
              fedify-mq listen --concurrency 8 -- ./deliver.sh
              fedify-mq depth --watch
              fedify-mq peek
              fedify-mq dead retry --all
              fedify-mq doctor

            Completions: fedify-mq --generate-completion-script bash (or zsh, fish).
            """,
        version: "0.1.0",
        subcommands: [
            Enqueue.self, Listen.self, Depth.self, Peek.self, Dead.self, Drain.self, Init.self, Doctor.self,
            Pipe.self, Bench.self,
        ]
    )

    /// The names that other queues and tools have for our commands.
    private static let otherNames = [
        "add": "enqueue", "push": "enqueue", "send": "enqueue", "publish": "enqueue", "consume": "listen",
        "work": "listen", "run": "listen", "count": "depth", "status": "depth", "stats": "depth", "list": "peek",
        "purge": "drain", "clear": "drain", "create": "init", "check": "doctor",
    ]

    static func main() async {
        do {
            try UnknownCommand.check(
                Array(CommandLine.arguments.dropFirst()),
                commands: configuration.subcommands.map { $0._commandName }, otherNames: otherNames)
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            leave(error)
        }
    }

    /// Ends the process with the message and the exit code of an error.
    private static func leave(_ error: any Error) -> Never {
        // A failure has the same code and text, whether the queue or a command itself met it.
        let error = (error as? MySQLError).map { MQError(wrapping: $0) } ?? error
        guard let error = error as? MQError else { endProcess(with: error, of: Self.self) }
        standardError("\(error)", code: error.code.rawValue, error.message)
        Foundation.exit(error.isUsage ? 2 : 3)
    }
}

extension MQError {
    /// A usage error, not a failure of the queue.
    fileprivate var isUsage: Bool {
        [
            .invalidMessage, .unsupportedMessage, .messageTooLarge, .invalidOrderingKey, .invalidDelay,
            .invalidConfiguration,
        ].contains(code)
    }
}
