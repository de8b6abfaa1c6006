import ArgumentParser
import CommandLineSupport
import FedifyMySQL

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Checks the server, the session, the rights and the table, with advice. Changes nothing.",
        discussion: """
            Each line is good, warn or bad. Checks are independent: one that fails reports its error, and the others \
            continue. A missing table is reported too. Exits with 1 if a line is bad, and with 3 if the server can't \
            be reached or refuses the login.

            Examples:
              fedify-kv doctor
              fedify-kv doctor --expiry-clock session-time-zone
              fedify-kv doctor --json
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    private struct Answer: Encodable {
        let checks: [Finding]
    }

    func run() async throws {
        let findings = try await store.withStore { kv in
            try await Diagnosis(pool: kv.pool, table: store.table, checks: StoreChecks.all(clock: store.expiryClock))
                .findings()
        }
        try output.write(Answer(checks: findings), findings.map(\.text).joined(separator: "\n"))
        if findings.contains(where: { $0.level == .bad }) { throw ExitCode(1) }
    }
}
