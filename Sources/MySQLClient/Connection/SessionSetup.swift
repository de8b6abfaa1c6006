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
        var server: [MySQLRow] = []
        var isReadOnly = false
        var isClustered = false
        var isReady = true
    }

    /// Whatever the server starts sessions with: without strict mode a value out of range is stored altered, with a
    /// warning that nobody sees; without autocommit a write is undone when the connection is closed; and all text here
    /// is UTF-8.
    private static let session = """
        SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES'), \
        SESSION autocommit = 1, SESSION character_set_client = utf8mb4, SESSION character_set_results = utf8mb4, \
        SESSION collation_connection = utf8mb4_bin
        """

    /// MariaDB alone executes what stands in a comment with M: that tells it from MySQL, whatever it calls itself.
    private static let server = """
        SELECT @@SESSION.max_allowed_packet, VERSION(), CONNECTION_ID(), CONCAT_WS(':', @@hostname, @@port, @@server_id), \
        0 /*M! + 1 */
        """

    /// Runs the set-up on the event loop.
    func run(_ attempt: ConnectionAttempt) {
        let findings = Findings()
        let begun = NIODeadline.now()
        command("SET SESSION innodb_lock_wait_timeout = \(configuration.lockWaitTimeout.wholeSeconds)", findings)
        for statement in configuration.sessionSetup { command(statement, findings, isUsers: true) }
        command(Self.session, findings)
        if configuration.addresses.count > 1 { askWhetherWritable(findings) }
        ask(Self.server, maximumRows: 1, findings) {
            findings.server.append($0)
        } end: { [self] in
            if let failure = findings.failure {
                attempt.fail(failure)
                return handler.quit()
            }
            let unusable = whyUnusable(findings)
            guard unusable == nil, let row = findings.server.first, row.count == 5 else {
                attempt.fail(MySQLError(.connectionFailed, unusable ?? "the server does not tell its settings"))
                return handler.quit()
            }
            attempt.succeed(connection(row, isClustered: findings.isClustered, roundTrip: .now() - begun))
        }
        handler.flush()
    }

    private func connection(_ row: MySQLRow, isClustered: Bool, roundTrip: TimeAmount) -> MySQLConnection {
        let version = row.text(1) ?? ""
        let isMariaDB = row.integer(4) == 1 || version.contains("MariaDB")
        let limit = row.integer(0).flatMap { Int(exactly: $0) } ?? .max
        handler.setMaximumPacketSize(min(limit, configuration.maximumPacketSize))
        handler.lagsBehind = isClustered
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
            roundTrip: roundTrip)
    }

    // MARK: - Several servers

    /// `read_only` is on at secondaries, of Group Replication too; `wsrep_ready` is off at Galera nodes that can't reach
    /// the most of their cluster, which answer questions all the same.
    private func askWhetherWritable(_ findings: Findings) {
        ask("SELECT @@GLOBAL.read_only OR @@GLOBAL.innodb_read_only", maximumRows: 1, findings) {
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

    /// The first failure is the news.
    private func note(_ result: Result<UInt64, MySQLError>, _ findings: Findings, isUsers: Bool) {
        guard case .failure(let error) = result, findings.failure == nil else { return }
        // A server that refuses a statement of the user's will always do so; ours it may take later.
        let isFinal = isUsers && error.code == .server
        findings.failure = MySQLError(
            isFinal ? .server : .connectionFailed,
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
