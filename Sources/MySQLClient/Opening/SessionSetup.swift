import MySQLProtocol
import NIOCore

/// What is said and asked on a new connection, in one round trip.
struct SessionSetup {
    private let configuration: MySQLConfiguration
    private let address: MySQLConfiguration.Address
    private let handler: ConnectionHandler

    init(
        _ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address, _ handler: ConnectionHandler
    ) {
        self.configuration = configuration
        self.address = address
        self.handler = handler
    }

    /// What was found out.
    private final class Findings {
        var failure: MySQLError?
        /// The server doesn't take all of the variables.
        var isSetRefused = false
        /// Variables that only some may set.
        var refusedVariables: [String] = []
        var server: [MySQLRow] = []
        var isReadOnly = false
        var isClustered = false
        var isReady = true
    }

    /// What a session means, whatever the server or a proxy begins it with. Every variable is here with which an answer
    /// was wrong, or an operation failed, when the server had another value of it (`SessionVariableTests`).
    ///
    /// (MariaDB alone executes comments with M; MySQL alone those with 80000, see MariaDB: "Comment Syntax".)
    static let variables = [
        // A value out of range is refused, not stored altered; an empty string is no NULL.
        "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        // Each statement is committed at once, and a transaction ends with its COMMIT.
        "autocommit = 1", "completion_type = 'NO_CHAIN'",
        // A session may write, and doesn't see what may yet be undone.
        """
        /*M! tx_isolation = IF(@@SESSION.tx_isolation = 'READ-UNCOMMITTED', 'READ-COMMITTED', \
        @@SESSION.tx_isolation), SESSION tx_read_only = 0 */\
        /*!80000 transaction_isolation = IF(@@SESSION.transaction_isolation = 'READ-UNCOMMITTED', \
        'READ-COMMITTED', @@SESSION.transaction_isolation), SESSION transaction_read_only = 0 */
        """,
        // No rows are left out, and no statement is refused for what it might read.
        "sql_select_limit = 18446744073709551615", "sql_safe_updates = 0",
        "max_join_size = 18446744073709551615", "sql_big_selects = 1", "sql_auto_is_null = 0", "unique_checks = 1",
        // Memory that no statement of ours goes beyond.
        "sort_buffer_size = 2097152", "max_sort_length = 4096",
        """
        /*M! check_constraint_checks = 1, SESSION max_session_mem_used = 9223372036854775807 */\
        /*!80000 range_optimizer_max_mem_size = 0 */
        """,
        // All text here is UTF-8.
        "character_set_client = utf8mb4", "character_set_results = utf8mb4", "collation_connection = utf8mb4_bin",
    ]

    private static let setVariables = "SET " + variables.map { "SESSION " + $0 }.joined(separator: ", ")

    /// How long the server works on a statement that nobody may be waiting for any more: as long as an operation may
    /// take. A statement that waits for a table's definition (an ALTER TABLE under way) ends then, too; on MySQL, which
    /// knows no limit for other ones, a SELECT.
    static func limits(_ deadline: Duration) -> String {
        let seconds = max(1, deadline.wholeSeconds)
        return """
            SET SESSION lock_wait_timeout = \(min(seconds, 31_536_000)) \
            /*M! , SESSION max_statement_time = \(min(seconds, 31_536_000)) */\
            /*!80000 , SESSION max_execution_time = \(min(UInt64(seconds) * 1000, UInt64(UInt32.max))) */
            """
    }

    /// MariaDB alone executes what stands in a comment with M: that tells it from MySQL, whatever it calls itself.
    private static let server = """
        SELECT @@SESSION.max_allowed_packet, VERSION(), CONNECTION_ID(), CONCAT_WS(':', @@hostname, @@port, @@server_id), \
        0 /*M! + 1 */
        """

    /// Begins the set-up, on the event loop.
    func start(_ attempt: ConnectionAttempt) {
        let findings = Findings()
        let begun = NIODeadline.now()
        command("SET SESSION innodb_lock_wait_timeout = \(configuration.lockWaitTimeout.wholeSeconds)", findings)
        command(Self.limits(configuration.operationTimeout), findings)
        for statement in configuration.sessionSetup { command(statement, findings, isUsers: true) }
        handler.query(Self.setVariables, .read) { result in
            if case .failure(let error) = result, ServerErrorCode.variableRefused.contains(error.serverCode ?? 0) {
                findings.isSetRefused = true
            } else {
                note(result, findings, isUsers: false)
            }
        }
        if configuration.addresses.count > 1 { askWhetherWritable(findings) }
        ask(Self.server, maximumRows: 1, findings) {
            findings.server.append($0)
        } end: {
            if findings.isSetRefused {
                setEach(findings) { end(attempt, findings, begun) }
            } else {
                end(attempt, findings, begun)
            }
        }
        handler.flush()
    }

    /// Sets one variable after the other: a server that is not quite one of the two may lack some.
    private func setEach(_ findings: Findings, _ completion: @escaping () -> Void) {
        for (index, variable) in Self.variables.enumerated() {
            handler.query("SET SESSION \(variable)", .read) { result in
                if case .failure(let error) = result, ServerErrorCode.variableRefused.contains(error.serverCode ?? 0) {
                    // What it doesn't have can't change an answer.
                    if ServerErrorCode.variableDenied.contains(error.serverCode ?? 0) {
                        findings.refusedVariables += MySQLConnection.variables(in: variable).map(\.name)
                    }
                } else {
                    note(result, findings, isUsers: false)
                }
                if index == Self.variables.count - 1 { completion() }
            }
        }
        handler.flush()
    }

    private func end(_ attempt: ConnectionAttempt, _ findings: Findings, _ begun: NIODeadline) {
        if let failure = findings.failure {
            attempt.fail(failure)
            return handler.quit()
        }
        let unusable = whyUnusable(findings)
        guard unusable == nil, let row = findings.server.first, row.count == 5 else {
            attempt.fail(MySQLError(.connectionFailed, unusable ?? "the server does not tell its settings"))
            return handler.quit()
        }
        attempt.succeed(connection(row, findings, roundTrip: .now() - begun))
    }

    private func connection(_ row: MySQLRow, _ findings: Findings, roundTrip: TimeAmount) -> MySQLConnection {
        let version = row.text(1) ?? ""
        let isMariaDB = row.integer(4) == 1 || version.contains("MariaDB")
        let limit = row.integer(0).flatMap { Int(exactly: $0) } ?? .max
        handler.setMaximumPacketSize(min(limit, configuration.maximumPacketSize))
        handler.lagsBehind = findings.isClustered
        // Behind a proxy the greeting's number is not the server's.
        let number = row.integer(2)
        let isServers = number == Int64(handler.session.greeting.connectionID)
        return MySQLConnection(
            handler,
            server: MySQLServer(
                flavor: isMariaDB ? .mariadb : .mysql, version: version.escaped(limit: 80),
                maximumPacketSize: handler.maximumPacketSize),
            address: address,
            threadID: isServers ? number.map { .init(number: $0, server: row.text(3) ?? "") } : nil,
            refusedVariables: findings.refusedVariables, roundTrip: roundTrip)
    }

    // MARK: - Several servers

    /// `read_only` is on at secondaries, of Group Replication too; `wsrep_ready` is off at Galera nodes that can't reach
    /// the most of their cluster, which answer questions all the same.
    private func askWhetherWritable(_ findings: Findings) {
        // A number, or since MariaDB 12 a text, ON or NO_LOCK; as a number a text would be 0.
        ask(
            "SELECT @@GLOBAL.read_only NOT IN ('0', 'OFF') OR @@GLOBAL.innodb_read_only", maximumRows: 1, findings
        ) {
            findings.isReadOnly = $0.text(0) != "0"
        }
        ask("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", maximumRows: 1, findings) {
            findings.isClustered = $0.text(1) == "ON"
        }
        ask("SHOW STATUS LIKE 'wsrep_ready'", maximumRows: 1, findings) { findings.isReady = $0.text(1) == "ON" }
    }

    private func whyUnusable(_ findings: Findings) -> String? {
        if findings.isReadOnly { return "it is read-only" }
        if findings.isClustered, !findings.isReady { return "it is a Galera node that isn't ready" }
        return nil
    }

    // MARK: - Statements

    private func command(_ sql: String, _ findings: Findings, isUsers: Bool = false) {
        handler.query(sql, .read, maximumRows: isUsers ? 1000 : 0) { result in
            note(result, findings, isUsers: isUsers)
        }
    }

    private func ask(
        _ sql: String, maximumRows: Int, _ findings: Findings, row: @escaping (MySQLRow) -> Void,
        end: @escaping () -> Void = {}
    ) {
        handler.query(sql, .read, maximumRows: maximumRows) { reader throws(ProtocolError) in
            row(try MySQLRow(&reader))
        } _: { result in
            note(result, findings, isUsers: false)
            end()
        }
    }

    /// Keeps the first failure.
    private func note(_ result: Result<UInt64, MySQLError>, _ findings: Findings, isUsers: Bool) {
        guard case .failure(let error) = result, findings.failure == nil else { return }
        // A server that refuses a statement of the user's will always do so; ours it may take later, unless the account
        // is at fault (an expired password shows at the first statement).
        let isFinal = isUsers && error.code == .server
        let isDenied = error.serverCode.map(ServerErrorCode.accessDenied.contains) ?? false
        findings.failure = MySQLError(
            isFinal ? .server : isDenied ? .accessDenied : .connectionFailed,
            isFinal ? "a statement of sessionSetup failed: \(error.message)" : error.message,
            serverCode: error.serverCode, sqlState: error.sqlState)
    }
}

extension Duration {
    /// In seconds, rounded up.
    var wholeSeconds: UInt32 {
        UInt32(clamping: components.seconds + (components.attoseconds > 0 ? 1 : 0))
    }
}
