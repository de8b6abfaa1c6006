import ArgumentParser
import CommandLineSupport
import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient

@main
struct FedifyKvCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fedify-kv",
        abstract: "Reads and writes a Fedify key-value store in MySQL or MariaDB.",
        discussion: """
            Values are read and written as JSON. The server is given by --url or, safer for its password, by the \
            environment variable MYSQL_URL.

            Exit codes:
              0    Success.
              1    A negative result: get found no entry, cas did not swap, drop
                   was not confirmed, or doctor found something bad.
              2    Usage: a wrong command, option, URL, key or ttl; a value that
                   isn't JSON, or that the server can't keep; a missing
                   --expiry-clock.
              3    The store failed: the server can't be reached or refuses, the
                   table doesn't exist, a file can't be read or written, or
                   standard output was closed.
              130  bench was interrupted.

            The commands init, set, cas, import, copy (at its destination) and pipe create the table if it doesn't \
            exist, and bench one of its own; all others except doctor fail without it.

            Examples:
              fedify-kv set users alice --value '{"name":"Alice"}' --ttl 3600
              fedify-kv get users alice
              fedify-kv list users
              fedify-kv cas locks a --new '"me"' --ttl 30
              fedify-kv doctor
              fedify-kv export > all.jsonl

            Completions: fedify-kv --generate-completion-script bash (or zsh, fish).
            """,
        version: "0.1.0",
        subcommands: [
            Get.self, Set.self, Delete.self, Cas.self, List.self, Count.self, Init.self, Drop.self, Sweep.self,
            Stats.self, Doctor.self, Export.self, Import.self, Copy.self, Pipe.self, Bench.self,
        ]
    )

    /// The names that other stores and tools have for our commands.
    private static let otherNames = [
        "put": "set", "store": "set", "del": "delete", "rm": "delete", "remove": "delete", "ls": "list",
        "keys": "list", "scan": "list", "create": "init", "dump": "export", "restore": "import", "load": "import",
        "check": "doctor", "status": "stats",
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
        // A failure has the same code and text, whether the store or a command itself met it.
        let error = (error as? MySQLError).map { KvError($0, isRepeatable: true) } ?? error
        switch error {
        case let error as KvError:
            standardError("\(error)", code: error.code.rawValue, error.message)
            Foundation.exit(error.isUsage ? 2 : 3)
        default: endProcess(with: error, of: Self.self)
        }
    }
}

extension KvError {
    /// A usage error, not a failure of the store.
    fileprivate var isUsage: Bool {
        [
            .emptyKey, .keyTooLong, .invalidValue, .unsupportedValue, .valueTooLarge, .invalidTTL,
            .invalidConfiguration,
        ].contains(code)
    }
}
