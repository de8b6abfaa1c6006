import CMariaDB

/// A connection to a server. It lives on one thread of its pool; ``MySQLPool/withConnection(deadline:_:)`` lends it to a
/// closure there.
public final class MySQLConnection {
    /// Where the server listens.
    let address: MySQLConfiguration.Address
    /// What was found out about the server.
    public private(set) var server: MySQLServer

    let interrupter: Interrupter
    let reads: ConnectionReads
    let openedAt = ContinuousClock.now
    let mysql: UnsafeMutablePointer<MYSQL>
    private let statementLimit: Int
    private var statements: [String: PreparedStatement] = [:]
    private var uses: UInt64 = 0

    /// The connection broke, or is in no state to be used again.
    var isBroken = false
    /// Where there are several servers: this one has stopped to take writes.
    private(set) var isDemoted = false
    private let isOneOfSeveral: Bool
    /// A node of a cluster that may not have applied yet what another one has confirmed.
    private var lagsBehind = false

    /// Opens a connection, on the thread that is to own it. Of several servers, only one that takes writes is let be.
    init(_ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address) throws(MySQLError) {
        self.address = address
        isOneOfSeveral = configuration.addresses.count > 1
        let deadline = openedAt + configuration.connectTimeout
        let interrupter = Interrupter()
        self.interrupter = interrupter
        reads = ConnectionReads(interrupter)
        let token = Watchdog.shared.schedule(at: deadline) { interrupter.interrupt() }
        defer { Watchdog.shared.cancel(token) }
        mysql = try Self.open(configuration, address, interrupter, reads)
        statementLimit = configuration.maximumPreparedStatements
        let version = mysql_get_server_info(mysql).map { String(cString: $0) } ?? ""
        let flavor: MySQLServer.Flavor = version.contains("MariaDB") ? .mariadb : .mysql
        server = MySQLServer(
            flavor: flavor, version: version.escaped(limit: 80), maximumPacketSize: configuration.maximumPacketSize)
        do {
            try setUp(configuration)
        } catch {
            close()
            throw error.code == .deadlineExceeded ? Self.connectTimedOut(configuration, address) : error
        }
    }

    /// Closes the connection and its prepared statements.
    func close() {
        // Connector/C reads what is left of an answer before it closes a statement: not from a broken connection, and
        // not without end.
        if isBroken { interrupter.interrupt() }
        let token = Watchdog.shared.schedule(at: .now + .seconds(2)) { [interrupter] in interrupter.interrupt() }
        closeStatements()
        Watchdog.shared.cancel(token)
        interrupter.close()
        mysql_close(mysql)
    }

    /// Runs a statement and hands its rows, one by one, to a closure.
    ///
    /// It is prepared on first use and kept. (MySQL: "C API Prepared Statement Interface".)
    ///
    /// - Parameters:
    ///   - sql: The statement, with a `?` for each parameter. Its texts should be few: each is prepared.
    ///   - parameters: What is bound to the `?`.
    ///   - maximumRows: More rows than this are a violation, and break the connection.
    ///   - row: Called for each row, which is valid only during the call.
    /// - Returns: The rows found (not only those changed) by an UPDATE, inserted or deleted by another statement.
    /// - Throws: ``MySQLError``.
    @discardableResult
    public func query(
        _ sql: String, _ parameters: [MySQLParameter] = [], maximumRows: Int = 1, row: (MySQLRow) -> Void = { _ in }
    ) throws(MySQLError) -> UInt64 {
        try catchUp()
        return try run(sql, parameters, maximumRows: maximumRows, row: row)
    }

    @discardableResult
    private func run(
        _ sql: String, _ parameters: [MySQLParameter] = [], maximumRows: Int = 1, row: (MySQLRow) -> Void = { _ in }
    ) throws(MySQLError) -> UInt64 {
        do {
            return try prepared(sql).execute(parameters, maximumRows: maximumRows, row: row)
        } catch {
            throw noted(error)
        }
    }

    /// What an error of Connector/C means for the connection, and for the caller.
    func noted(_ error: MySQLError) -> MySQLError {
        if let code = error.serverCode, ServerErrorCode.endsConnection.contains(code) { isBroken = true }
        if error.code == .protocolViolation { isBroken = true }
        if isOneOfSeveral, let code = error.serverCode, ServerErrorCode.notWritable.contains(code) {
            (isBroken, isDemoted) = (true, true)
        }
        guard interrupter.isInterrupted else { return error }
        isBroken = true
        return .deadlineExceeded(mayHaveBeenApplied: error.mayHaveBeenApplied)
    }

    /// For work that may go round: throws once the deadline of the work has passed.
    ///
    /// - Throws: ``MySQLError`` `deadlineExceeded`.
    public func checkDeadline() throws(MySQLError) {
        guard interrupter.isInterrupted else { return }
        throw MySQLError(.deadlineExceeded, "the deadline has passed")
    }

    /// The server, or something between, has closed the connection; or it sent what nobody asked for.
    var isStale: Bool {
        let readAhead = mysql.pointee.net.pvio.map { UnsafePointer<fedify_kv_read_ahead>($0) }
        if let buffer = readAhead?.pointee, let cache = buffer.cache, let position = buffer.cache_pos,
            position < cache + buffer.cache_size
        {
            return true
        }
        var descriptor = pollfd(fd: mysql_get_socket(mysql), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) != 0
    }

    private func prepared(_ sql: String) throws(MySQLError) -> PreparedStatement {
        uses += 1
        if let statement = statements[sql] {
            statement.lastUse = uses
            return statement
        }
        if statements.count >= statementLimit, let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            statements[oldest.key] = nil
            oldest.value.close()
        }
        let statement = try PreparedStatement(mysql, sql, reads)
        statement.lastUse = uses
        statements[sql] = statement
        return statement
    }

    /// `read_only` is on at secondaries, of Group Replication too; `wsrep_ready` is off at Galera nodes that can't reach
    /// the most of their cluster, which answer questions all the same.
    private func checkWritable() throws(MySQLError) {
        var (isReadOnly, isClustered, isReady) = (false, false, false)
        try query("SELECT @@GLOBAL.read_only OR @@GLOBAL.innodb_read_only") { isReadOnly = $0.integer(0) != 0 }
        if isReadOnly { throw MySQLError(.connectionFailed, "\(address) is read-only") }
        try query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'") { isClustered = $0.text(1) == "ON" }
        guard isClustered else { return }
        try query("SHOW STATUS LIKE 'wsrep_ready'") { isReady = $0.text(1) == "ON" }
        if !isReady { throw MySQLError(.connectionFailed, "\(address) is a Galera node that isn't ready") }
        lagsBehind = true
    }

    /// Waits until a Galera node has applied what the cluster had committed before: what another node, which was lost,
    /// has confirmed to us. That may take until the others know that it is lost: as a part of the first statement, not
    /// of connecting, or pools that go from node to node meanwhile would end up on different ones. (Galera:
    /// `wsrep_sync_wait`.)
    func catchUp() throws(MySQLError) {
        guard lagsBehind else { return }
        var syncWait: Int64?
        try run("SELECT @@SESSION.wsrep_sync_wait") { syncWait = $0.integer(0) }
        try run("SET SESSION wsrep_sync_wait = 1")
        try run("SELECT 1")
        try run("SET SESSION wsrep_sync_wait = \(syncWait ?? 0)")
        closeStatements()
        lagsBehind = false
    }

    private func closeStatements() {
        for statement in statements.values { statement.close() }
        statements = [:]
    }

    private func setUp(_ configuration: MySQLConfiguration) throws(MySQLError) {
        try query("SET SESSION innodb_lock_wait_timeout = \(configuration.lockWaitTimeout.wholeSeconds)")
        for statement in configuration.sessionSetup { try query(statement) }
        // Whatever the server starts sessions with: without strict mode a value out of range is stored altered, with a
        // warning that nobody sees; without autocommit a write is undone when the connection is closed; and all text
        // here is UTF-8.
        try query(
            """
            SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES'), \
            SESSION autocommit = 1, SESSION character_set_client = utf8mb4, SESSION character_set_results = utf8mb4, \
            SESSION collation_connection = utf8mb4_bin
            """)
        var serverLimit: Int64?
        try query("SELECT @@SESSION.max_allowed_packet") { serverLimit = $0.integer(0) }
        let limit = serverLimit.map { min(Int($0), configuration.maximumPacketSize) }
        server = MySQLServer(
            flavor: server.flavor, version: server.version, maximumPacketSize: limit ?? server.maximumPacketSize)
        if isOneOfSeveral { try checkWritable() }
        closeStatements()
    }
}
