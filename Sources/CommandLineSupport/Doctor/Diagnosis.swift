package import MySQLClient

/// All checks, independent of each other: if one fails, or its connection breaks, the others continue.
package struct Diagnosis {
    /// A check and its name; a nil result: nothing to check.
    package typealias Check = (name: String, examine: @Sendable (Examination) async throws -> Finding?)

    private let pool: MySQLPool
    private let table: String
    private let checks: [Check]

    /// - Parameters:
    ///   - pool: The connections.
    ///   - table: The table.
    ///   - checks: What is examined, in order.
    package init(pool: MySQLPool, table: String, checks: [Check]) {
        self.pool = pool
        self.table = table
        self.checks = checks
    }

    /// The timeout of a check.
    private static let timeLimit = Duration.seconds(5)

    /// Runs all checks.
    ///
    /// - Returns: The findings, in order.
    /// - Throws: ``MySQLError`` if no connection can be opened.
    package func findings() async throws -> [Finding] {
        try await pool.withConnection { _ in }
        var findings: [Finding] = []
        var isLost = false
        for check in checks {
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
                    Examination(connection, configuration: pool.configuration, table: table))
            }
            return (finding, false)
        } catch {
            let error = error as? MySQLError
            let isLost = error.map { [.connectionFailed, .accessDenied, .acquisitionTimedOut].contains($0.code) }
            return (Finding(.warn, "not examined: \(error?.detail ?? "the check failed")"), isLost ?? false)
        }
    }
}
