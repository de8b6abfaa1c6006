import MySQLProtocol
import NIOCore

/// The commands sent on a new connection, in one round trip.
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

    /// The answers.
    private final class Findings {
        var failure: MySQLError?
        /// The server rejected some of the variables.
        var isSetRefused = false
        /// Variables that require a privilege.
        var refusedVariables: [String] = []
        var server: [MySQLRow] = []
        var isReadOnly = false
        var isClustered = false
        var isReady = true
    }

    /// The session variables that the store relies on, set whatever the server or a proxy starts with: every variable
    /// with which an answer was wrong, or an operation failed, when it had another value (`SessionVariableTests`).
    ///
    /// (MariaDB alone executes comments with M; MySQL alone those with 80000, see MariaDB: "Comment Syntax".)
    static let variables = [
        // An out-of-range value is refused, not altered; an empty string is not NULL.
        "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        // Each statement is committed immediately, and a transaction ends with its COMMIT.
        "autocommit = 1", "completion_type = 'NO_CHAIN'",
        // A session may write, and doesn't read uncommitted data.
        """
        /*M! tx_isolation = IF(@@SESSION.tx_isolation = 'READ-UNCOMMITTED', 'READ-COMMITTED', \
        @@SESSION.tx_isolation), SESSION tx_read_only = 0 */\
        /*!80000 transaction_isolation = IF(@@SESSION.transaction_isolation = 'READ-UNCOMMITTED', \
        'READ-COMMITTED', @@SESSION.transaction_isolation), SESSION transaction_read_only = 0 */
        """,
        // No rows are omitted, and no statement is refused for the number of rows that it might read.
        "sql_select_limit = 18446744073709551615", "sql_safe_updates = 0",
        "max_join_size = 18446744073709551615", "sql_big_selects = 1", "sql_auto_is_null = 0", "unique_checks = 1",
        // Enough memory for every statement of the store.
        "sort_buffer_size = 2097152", "max_sort_length = 4096",
        """
        /*M! check_constraint_checks = 1, SESSION max_session_mem_used = 9223372036854775807, \
        SESSION tmp_disk_table_size = 18446744073709551615 */\
        /*!80000 range_optimizer_max_mem_size = 0 */
        """,
        // All text here is UTF-8.
        "character_set_client = utf8mb4", "character_set_results = utf8mb4", "collation_connection = utf8mb4_bin",
    ]

    private static let setVariables = "SET " + variables.map { "SESSION " + $0 }.joined(separator: ", ")

    /// Limits on how long the server executes a statement whose caller may have given up: a little longer than an
    /// operation may take, so that normally the operation's own deadline ends it. This includes waiting for a metadata
    /// lock (during an ALTER TABLE); on MySQL, otherwise only a SELECT can be limited.
    static func limits(_ deadline: Duration) -> String {
        let longest = Duration.seconds(31_536_000)
        let limit = min(deadline, longest)
        let milliseconds = Int64(min(limit + .milliseconds(500), longest) / .milliseconds(1))
        return """
            SET SESSION lock_wait_timeout = \(min(limit.components.seconds + 1, longest.components.seconds)) \
            /*M! , SESSION max_statement_time = \(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst()) */\
            /*!80000 , SESSION max_execution_time = \(min(milliseconds, Int64(UInt32.max))) */
            """
    }

    /// Only MariaDB executes a comment with M, which distinguishes it from MySQL, whatever version it reports.
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

    /// Sets the variables one by one, for compatible servers that lack some of them.
    private func setEach(_ findings: Findings, _ completion: @escaping () -> Void) {
        for (index, variable) in Self.variables.enumerated() {
            handler.query("SET SESSION \(variable)", .read) { result in
                if case .failure(let error) = result, ServerErrorCode.variableRefused.contains(error.serverCode ?? 0) {
                    // A variable that it doesn't have can't affect a result.
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
            attempt.fail(MySQLError(.connectionFailed, unusable ?? "the server did not return its settings"))
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
        // With a proxy, the connection ID in the greeting is not the server's.
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

    /// `read_only` is on at secondaries, of Group Replication too; `wsrep_ready` is off at Galera nodes without a
    /// majority, which still answer queries.
    private func askWhetherWritable(_ findings: Findings) {
        ask(MySQLServer.isReadOnly, maximumRows: 1, findings) { findings.isReadOnly = $0.text(0) != "0" }
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

    /// Records the first failure.
    private func note(_ result: Result<UInt64, MySQLError>, _ findings: Findings, isUsers: Bool) {
        guard case .failure(let error) = result, findings.failure == nil else { return }
        // A refused statement of the user's is permanent; ours may succeed later, unless the account is the reason (an
        // expired password is reported at the first statement).
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
