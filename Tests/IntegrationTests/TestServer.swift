import FedifyKv
import FedifyMySQL
import Foundation
import Logging
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// A real server, or a cluster of them, that the tests run on: one of the addresses in MYSQL_URL.
/// `Scripts/with-servers.sh` starts them.
struct TestServer: Sendable, CustomTestStringConvertible {
    struct NoServer: Error, CustomStringConvertible {
        let description =
            "MYSQL_URL names no server (or no cluster): run the tests by `make test`, or set it to URLs of real servers"
    }

    let url: String
    let configuration: MySQLConfiguration
    let server: MySQLServer
    /// The processes, in the order of the configuration's addresses, if the tests' script started them.
    let nodes: [ServerNode]

    /// The description in the name of each test case.
    var testDescription: String { "\(name) \(server.version)" }

    var name: String {
        switch (server.flavor, isCluster) {
        case (.mariadb, false): "MariaDB"
        case (.mariadb, true): "Galera"
        case (.mysql, false): "MySQL"
        case (.mysql, true): "Group Replication"
        }
    }

    var isMariaDB: Bool { server.flavor == .mariadb }

    /// Where the servers listen, on this machine.
    var ports: [UInt16] {
        configuration.addresses.compactMap { if case .tcp(_, let port) = $0 { port } else { nil } }
    }

    /// One server of a cluster, to be asked by itself.
    func alone(_ number: Int) -> TestServer {
        var configuration = configuration
        configuration.addresses = [configuration.addresses[number]]
        return TestServer(
            url: url, configuration: configuration, server: server, nodes: nodes.isEmpty ? [] : [nodes[number]])
    }

    var isCluster: Bool { configuration.addresses.count > 1 }

    /// The authority that signed the server's certificate, if the tests started it.
    static let certificateAuthority = ProcessInfo.processInfo.environment["FEDIFY_KV_TEST_CA"]

    /// The single servers; without any, every test fails.
    static var all: [TestServer] {
        get async throws { try some(await found.value.filter { !$0.isCluster }) }
    }

    /// The clusters; without any, tests of clusters fail.
    static var clusters: [TestServer] {
        get async throws { try some(await found.value.filter(\.isCluster)) }
    }

    private static func some(_ servers: [TestServer]) throws -> [TestServer] {
        if servers.isEmpty { throw NoServer() }
        return servers
    }

    private static let found = Task { () throws -> [TestServer] in
        let environment = ProcessInfo.processInfo.environment
        let urls = (environment["MYSQL_URL"] ?? "").split(separator: " ").map(String.init)
        var servers: [TestServer] = []
        for (index, url) in urls.enumerated() {
            let configuration = try MySQLConfiguration(url: url)
            let pool = try MySQLPool(configuration)
            let server = try await pool.withConnection { $0.server }
            await pool.close()
            let folders = environment["FEDIFY_KV_TEST_NODES_\(index + 1)"] ?? ""
            let nodes = folders.split(separator: " ").map { ServerNode(folder: String($0)) }
            servers.append(TestServer(url: url, configuration: configuration, server: server, nodes: nodes))
        }
        return servers
    }

    /// A pool of connections to this server.
    func pool(
        _ size: Int = 10, logger: Logger? = nil, _ change: (inout MySQLConfiguration) -> Void = { _ in }
    ) throws -> MySQLPool {
        var configuration = configuration
        configuration.pool.maximumConnections = size
        configuration.operationTimeout = .seconds(60)
        configuration.pool.acquisitionTimeout = .seconds(60)
        configuration.observability.logger = logger
        change(&configuration)
        return try MySQLPool(configuration)
    }

    /// A pool whose connections go through a proxy: in plain text where the proxy is to read what it carries.
    func pool(
        _ size: Int = 10, through proxy: Proxy, isPlain: Bool = false, logger: Logger? = nil,
        _ change: (inout MySQLConfiguration) -> Void = { _ in }
    ) throws -> MySQLPool {
        try pool(size, logger: logger) {
            $0.addresses = [.tcp(host: "127.0.0.1", port: proxy.port)]
            if isPlain {
                $0.tls.mode = .off
                $0.allowPublicKeyRetrieval = true
            }
            change(&$0)
        }
    }

    /// The URL with further parameters.
    func url(_ parameters: String) -> String {
        url + (url.contains("?") ? "&" : "?") + parameters
    }

    /// Pools for the tests' own statements, one for each server, by its addresses.
    private static let pools = NIOLockedValueBox<[[MySQLConfiguration.Address]: MySQLPool]>([:])

    /// Runs a statement of the test's own, and gives back its rows.
    @discardableResult
    func sql(_ sql: String, _ parameters: MySQLParameter...) async throws -> [[String?]] {
        let pool = try Self.pools.withLockedValue { pools in
            if let pool = pools[configuration.addresses] { return pool }
            let pool = try self.pool(2)
            // A cluster is asked for its servers each time.
            if !isCluster { pools[configuration.addresses] = pool }
            return pool
        }
        let result = await Result {
            do {
                return try await rows(sql, parameters, on: pool)
            } catch let error as MySQLError where error.code == .connectionLost {
                // The server closed it since the last statement.
                return try await rows(sql, parameters, on: pool)
            }
        }
        // Sessions that are open keep the values they began with.
        if isCluster || sql.hasPrefix("SET GLOBAL") { await forget(pool) }
        return try result.get()
    }

    private func rows(_ sql: String, _ parameters: [MySQLParameter], on pool: MySQLPool) async throws -> [[String?]] {
        let rows = try await pool.withConnection { connection in
            // Some statements can't be prepared, and tests count those that are.
            parameters.isEmpty
                ? try await connection.unpreparedRows(sql, maximumRows: 100_000)
                : try await connection.rows(sql, parameters, .write, maximumRows: 100_000).rows
        }
        return rows.map { row in (0..<row.count).map { row.text($0) } }
    }

    /// Closes a pool of ``sql(_:_:)``; the next statement opens another.
    private func forget(_ pool: MySQLPool) async {
        Self.pools.withLockedValue { pools in
            if pools[configuration.addresses] === pool { pools[configuration.addresses] = nil }
        }
        await pool.close()
    }

    /// Runs a statement after a test; in a cluster again and again, as it may just have lost a server.
    private func cleanUp(_ statement: String) async throws {
        guard isCluster else { return _ = try await sql(statement) }
        try await eventually(within: .seconds(120)) {
            do {
                try await sql(statement)
                return true
            } catch is MySQLError {
                return false
            }
        }
    }

    /// Gives a test a store with a table of its own, and drops the table in the end.
    func withStore<T>(
        poolSize: Int = 10, session: [String] = [], maximumPacketSize: Int = 64 << 20, logger: Logger? = nil,
        observability: (inout MySQLObservability) -> Void = { _ in },
        options change: (inout MySQLKvStoreOptions) -> Void = { _ in },
        _ body: (MySQLKvStore, MySQLPool) async throws -> T
    ) async throws -> T {
        let pool = try pool(poolSize, logger: logger) {
            $0.sessionSetup = session
            $0.maximumPacketSize = maximumPacketSize
            observability(&$0.observability)
        }
        var options = MySQLKvStoreOptions()
        options.tableName = Self.newTableName()
        options.upkeep.isAutomatic = false
        change(&options)
        let kv = try MySQLKvStore(pool, options: options)
        let result = await Result { try await body(kv, pool) }
        await pool.close()
        try await cleanUp("DROP TABLE IF EXISTS `\(options.tableName)`")
        return try result.get()
    }

    /// Gives a test a user with privileges (nil: none) on the database, or on one of its tables, and drops the user in
    /// the end. The method says how the user is identified; without one, as the server does by default.
    func withUser(
        granted privileges: String?, on table: String? = nil, as name: String? = nil,
        password: String = UUID().uuidString,
        identified method: ((String) -> String)? = nil,
        _ body: (_ user: String, _ password: String) async throws -> Void
    ) async throws {
        let user = "test_" + (name ?? UUID().uuidString.prefix(8).lowercased())
        try await sql("CREATE USER '\(user)'@'%' \(method?(password) ?? "IDENTIFIED BY '\(password)'")")
        let result = await Result {
            if let privileges {
                let target = "`\(configuration.database)`." + (table.map { "`\($0)`" } ?? "*")
                try await sql("GRANT \(privileges) ON \(target) TO '\(user)'@'%'")
            }
            try await body(user, password)
        }
        try await cleanUp("DROP USER IF EXISTS '\(user)'@'%'")
        try result.get()
    }

    /// Runs a test while a variable of the server has another value, and puts the former one back.
    func withGlobal<T>(_ variable: String, _ value: String, _ body: () async throws -> T) async throws -> T {
        let former = try await sql("SELECT @@GLOBAL.\(variable)")[0][0] ?? ""
        try await sql("SET GLOBAL \(variable) = \(value)")
        let result = await Result { try await body() }
        try await sql("SET GLOBAL \(variable) = " + (Double(former) == nil ? "'\(former)'" : former))
        return try result.get()
    }

    /// Runs a test while the server's sessions begin with an isolation level, and puts the former one back.
    func withGlobalIsolation<T>(_ level: String, _ body: () async throws -> T) async throws -> T {
        // MariaDB before 11.1 has the one name, MySQL the other.
        let former = try await sql(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('transaction_isolation', 'tx_isolation')")
        try await sql("SET GLOBAL TRANSACTION ISOLATION LEVEL \(level)")
        let result = await Result { try await body() }
        if let name = former.first?[1] {
            try await sql("SET GLOBAL TRANSACTION ISOLATION LEVEL \(name.replacing("-", with: " "))")
        }
        return try result.get()
    }

    /// A further store on the same table, with connections of its own.
    func another(
        _ kv: MySQLKvStore, poolSize: Int = 4, session: [String] = []
    ) throws -> MySQLKvStore {
        try MySQLKvStore(pool(poolSize) { $0.sessionSetup = session }, options: kv.options)
    }

    static func newTableName() -> String {
        "t_" + UUID().uuidString.replacing("-", with: "").lowercased()
    }
}
