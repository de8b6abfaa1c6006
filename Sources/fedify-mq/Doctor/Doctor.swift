import ArgumentParser
import CommandLineSupport
import FedifyMySQL

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the server, the session, the rights, the tables and the plans, with advice. Changes nothing.",
        discussion: """
            Each line is good, warn or bad. Checks are independent: one that fails reports its error, and the others \
            continue. Exits with 1 if a line is bad, and with 3 if the server can't be reached.

            Examples:
              fedify-mq doctor
              fedify-mq doctor --json
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments

    private struct Answer: Encodable {
        let checks: [Finding]
    }

    func run() async throws {
        let findings = try await queue.withQueue { queue in
            try await Diagnosis(
                pool: queue.pool, table: queue.options.tableName, checks: QueueChecks.all(queue, self.queue.clock)
            ).findings()
        }
        try output.write(Answer(checks: findings), findings.map(\.text).joined(separator: "\n"))
        if findings.contains(where: { $0.level == .bad }) { throw ExitCode(1) }
    }
}

/// The checks of a queue.
private enum QueueChecks {
    static func all(_ queue: MySQLMessageQueue, _ clock: ExpiryClock) -> [Diagnosis.Check] {
        let ofServer: [Diagnosis.Check] = [
            ("server", { try await $0.version() }), ("encryption", { try await $0.encryption() }),
            ("account", { try await $0.account() }), ("writes", { try await $0.writable() }),
            ("sql_mode", { try await $0.sqlMode() }), ("session", { try await $0.session() }),
            ("packet", { try await $0.packet() }), ("connections", { try await $0.connections() }),
            ("statements", { try await $0.preparedStatements() }),
            ("time limits", { try await $0.timeLimits() }), ("durability", { try await $0.durability() }),
        ]
        let ofQueue: [Diagnosis.Check] = [
            ("clock", { try await $0.queueClock(clock) }), ("isolation", { try await $0.isolation() }),
            ("locks", { try await $0.keyLocks() }), ("cluster", { try await $0.cluster() }),
            ("purge lag", { try await $0.purgeLag() }), ("table", { try await $0.queueTable() }),
            ("indexes", { try await $0.queueIndexes(queue.statements) }),
            ("dead table", { try await $0.deadTable() }), ("rights", { try await $0.queueRights() }),
            ("plans", { try await $0.plans(queue.statements) }),
        ]
        return ofServer.map { check in (check.name, { try await check.examine($0)?.ofQueue }) } + ofQueue
    }
}

extension Finding {
    /// The checks of a server speak of the store, which has them too.
    fileprivate var ofQueue: Finding {
        func renamed(_ text: String) -> String {
            text.replacing("The store", with: "The queue").replacing("the store", with: "the queue")
                .replacing("This store", with: "This queue").replacing("a value (", with: "a message (").replacing(
                    "a value and", with: "a message and")
        }
        return Finding(level, renamed(seen), advice: advice.map(renamed))
    }
}
