import FedifyKv
import MySQLClient

/// All checks, independent of each other: if one fails, or its connection breaks, the others continue.
struct Diagnosis {
    /// A check and its name; a nil result: nothing to check.
    typealias Check = (name: String, examine: @Sendable (Examination) async throws -> Finding?)

    let pool: MySQLPool
    let table: String
    /// The clock from the command line.
    let clock: ExpiryClock?

    private static let checks: [Check] = [
        ("server", { try await $0.version() }), ("encryption", { try await $0.encryption() }),
        ("account", { try await $0.account() }), ("writes", { try await $0.writable() }),
        ("clock", { try await $0.clock() }), ("time zone", { try await $0.timeZone() }),
        ("expiry clock", { try await $0.expiryClock() }), ("sql_mode", { try await $0.sqlMode() }),
        ("session", { try await $0.session() }), ("packet", { try await $0.packet() }),
        ("connections", { try await $0.connections() }), ("statements", { try await $0.preparedStatements() }),
        ("time limits", { try await $0.timeLimits() }), ("durability", { try await $0.durability() }),
        ("binary log", { try await $0.binaryLog() }), ("locks", { try await $0.namedLocks() }),
        ("page size", { try await $0.pageSize() }), ("table", { try await $0.definition() }),
        ("row format", { try await $0.rowFormat() }), ("index", { try await $0.index() }),
        ("rights", { try await $0.rights() }),
    ]

    /// The timeout of a check.
    private static let timeLimit = Duration.seconds(5)

    /// Runs all checks.
    ///
    /// - Returns: The findings, in order.
    /// - Throws: ``MySQLError`` if no connection can be opened.
    func findings() async throws -> [Finding] {
        try await pool.withConnection { _ in }
        var findings: [Finding] = []
        var isLost = false
        for check in Self.checks {
            var finding: Finding?
            if isLost {
                finding = Finding(.warn, "not examined: the connection was lost")
            } else {
                (finding, isLost) = await result(of: check)
            }
            guard var finding else { continue }
            finding.check = check.name
            findings.append(finding)
        }
        return findings
    }

    private func result(of check: Check) async -> (Finding?, isLost: Bool) {
        do {
            let limit = min(Self.timeLimit, pool.configuration.operationTimeout)
            let finding = try await pool.withConnection(deadline: .now + limit) { connection in
                try await check.examine(
                    Examination(connection, configuration: pool.configuration, table: table, namedClock: clock))
            }
            return (finding, false)
        } catch {
            let error = error as? MySQLError
            let isLost = error.map { [.connectionFailed, .accessDenied, .acquisitionTimedOut].contains($0.code) }
            return (Finding(.warn, "not examined: \(error?.detail ?? "the check failed")"), isLost ?? false)
        }
    }
}
