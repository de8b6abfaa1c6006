import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Handles messages, each by a process of its own.",
        discussion: """
            The command gets the message as JSON on its standard input, and in its environment \
            FEDIFY_MQ_MESSAGE_ID, FEDIFY_MQ_ATTEMPT (from 1, if the table counts attempts) and \
            FEDIFY_MQ_ORDERING_KEY (if the message has one). Its output is that of this process. Its exit code decides:
              0               the message is done
              65 (EX_DATAERR) it is rejected: dead, without a further attempt
              any other       it is delivered again later, for example 75 (EX_TEMPFAIL);
                              so it is when the command is ended by a signal
            A message can be handled twice, for example if this process is killed: the command should be idempotent.

            At SIGTERM or SIGINT it takes no more messages, waits for commands until --grace-period is over, and gives \
            back what was not handled. At a second one it cancels commands at once. A command that is cancelled (at \
            the end of the grace period, after --handler-timeout, or because its message's lease was lost) gets \
            SIGTERM, and SIGKILL after --kill-after.

            Examples:
              fedify-mq listen --concurrency 8 -- ./deliver.sh
              fedify-mq listen -- sh -c 'jq -r .inbox | xargs curl --fail --silent --request POST'
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var delivery: DeliveryArguments

    @Option(help: "The maximum number of commands that run at a time.")
    var concurrency = 1

    @Option(help: "Seconds between SIGTERM and SIGKILL for a command that is cancelled.")
    var killAfter = 5.0

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else { throw ValidationError("Give a command after --.") }
        guard (1...10_000).contains(concurrency) else {
            throw ValidationError("--concurrency must be from 1 to 10000.")
        }
    }

    func run() async throws {
        try Self.checkIsProgram(command[0])
        let killAfter = try Duration(argument: killAfter, "--kill-after")
        // A command may end without reading its message.
        signal(SIGPIPE, SIG_IGN)
        try await queue.withQueue(delivery.options(), logger: .ofTool) { [command, concurrency] queue in
            // A wrong password or host is an error now, and no reason to wait.
            try await queue.pool.withConnection { _ in }
            let handler = CommandHandler(command: command, killAfter: killAfter)
            let listening = Task {
                try await queue.listen(concurrency: concurrency) { try await handler.handle($0) }
            }
            Signals.onEach { number in
                if number == 1 {
                    Task { await queue.close() }
                } else {
                    listening.cancel()
                }
            }
            try await listening.value
        }
    }

    /// Throws if there is no such program: no message needs to fail for that.
    private static func checkIsProgram(_ name: String) throws {
        let folders =
            name.contains("/")
            ? [""] : (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/" }
        guard folders.contains(where: { access($0 + name, X_OK) == 0 }) else {
            throw ValidationError("There is no program '\(name)' that can be executed.")
        }
    }
}

/// Handles a message by a command.
private struct CommandHandler: Sendable {
    /// The command did not succeed.
    struct Failure: Error, CustomStringConvertible {
        let end: ChildProcess.End

        var description: String { "the command \(end)" }
    }

    /// EX_DATAERR of sysexits.h: the message is at fault.
    private static let rejection: Int32 = 65

    let command: [String]
    let killAfter: Duration
    private let environment: [String: String]

    init(command: [String], killAfter: Duration) {
        self.command = command
        self.killAfter = killAfter
        environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FEDIFY_MQ_") }
    }

    func handle(_ message: ReceivedMessage) async throws {
        try Task.checkCancellation()
        var environment = environment
        environment["FEDIFY_MQ_MESSAGE_ID"] = message.id
        environment["FEDIFY_MQ_ATTEMPT"] = message.attempt.map(String.init)
        environment["FEDIFY_MQ_ORDERING_KEY"] = message.orderingKey
        let end: ChildProcess.End
        do {
            let child = try ChildProcess(
                command, environment: environment, message: Array(message.message.json.utf8))
            end = await withTaskCancellationHandler {
                await child.end()
            } onCancel: {
                child.stop(killingAfter: killAfter)
            }
        } catch {
            standardError("message \(message.id): \(error)")
            throw error
        }
        guard end != .exited(0) else { return }
        let attempt = message.attempt.map { ", attempt \($0)" } ?? ""
        standardError("message \(message.id)\(attempt): \(Failure(end: end))")
        guard end == .exited(Self.rejection) else { throw Failure(end: end) }
        message.reject("\(Failure(end: end))")
    }
}
