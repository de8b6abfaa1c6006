import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Limits that a server's operator has set: they slow the store down, and make nothing of it wrong.
@Suite(.serialized) struct ServerLimitTests {
    /// There is room for two prepared statements more than there are: one makes place for the next.
    @Test(arguments: try await TestServer.all)
    func fewPreparedStatementsAreEnough(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 1) { kv, _ in
            try await kv.createTable()
            let present = Int(try await server.sql("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0][1] ?? "") ?? 0
            try await server.withGlobal("max_prepared_stmt_count", "\(present + 2)") {
                for size in [1, 2, 3, 5, 9, 17, 33] {
                    try await withThrowingTaskGroup { group in
                        for number in 0..<size {
                            group.addTask {
                                let key: KvKey = ["k", "\(size)", "\(number)"]
                                try await kv.set(key, number)
                                #expect(try await kv.get(key, as: Int.self) == number)
                                #expect(try await kv.cas(key, expected: number, new: -1))
                                try await kv.delete(key)
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                #expect(try await kv.count() == 0)
            }
        }
    }

    /// A server that had no room for a moment: the pool grows to its full size soon after.
    @Test(arguments: try await TestServer.all)
    func afterTooManyConnectionsThePoolIsFullAgain(_ server: TestServer) async throws {
        let pool = try server.pool(6) { $0.operationTimeout = .seconds(30) }
        // The minimum of MariaDB, and the connection that resets it.
        let others = try (0..<10).map { _ in try server.pool(1) }
        for other in others { try await other.withConnection { try await $0.query("DO 1") } }
        let former = try await server.sql("SELECT @@GLOBAL.max_connections")[0][0] ?? ""
        try await server.sql("SET GLOBAL max_connections = 10")
        let full = Task {
            try await pool.whileBusy(connections: 6) { #expect(pool.status.connections == 6) }
        }
        // MariaDB has room for an administrator.
        try await eventually { pool.status.waiting >= 5 }
        // Until it was refused.
        try await Task.sleep(for: .milliseconds(500))
        #expect(pool.status.inUse <= 1)
        try await others[0].withConnection { _ = try await $0.query("SET GLOBAL max_connections = \(former)") }
        let allowed = ContinuousClock.now
        try await full.value
        #expect(allowed.duration(to: .now) < .seconds(5))
        await pool.close()
        for other in others { await other.close() }
    }

    /// An abandoned statement ends on the server too, even if it can't be killed.
    @Test(arguments: try await TestServer.all)
    func aStatementEndsOnTheServerWithItsDeadline(_ server: TestServer) async throws {
        let proxy = try Proxy(to: server.ports[0])
        let pool = try server.pool(1, through: proxy) {
            $0.operationTimeout = .seconds(1)
        }
        // Reads for minutes.
        let sql =
            "SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, "
            + "information_schema.columns c WHERE a.column_name <> b.column_name"
        func running() async throws -> Int {
            try await server.sql(
                "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT COUNT(*) FROM information_schema"
                    + ".columns a%'"
            ).count
        }
        let counting = Task { try await pool.withConnection { try await $0.query(sql) } }
        try await eventually { try await running() == 1 }
        // No word reaches the server from now on.
        proxy.down()
        await #expect(throws: MySQLError.self) { try await counting.value }
        try await eventually(within: .seconds(3)) { try await running() == 0 }
        await pool.close()
    }

    /// A statement that waits for a table's definition, for example during an ALTER TABLE, is not carried out later.
    @Test(arguments: try await TestServer.all)
    func whatWaitsForADefinitionIsNotCarriedOutLater(_ server: TestServer) async throws {
        let pool = try server.pool(2) { $0.operationTimeout = .seconds(1) }
        try await server.withStore { direct, _ in
            try await direct.set(["k"], 1)
            let kv = try MySQLKvStore(pool, options: direct.options)
            #expect(try await kv.get(["k"], as: Int.self) == 1)
            let table = direct.options.tableName
            let holder = try server.pool(1)
            try await holder.withConnection { connection in
                try await connection.command("LOCK TABLES `\(table)` WRITE", .read)
                let error = await #expect(throws: KvError.self) { try await kv.set(["k"], 2) }
                #expect(error?.code == .deadlineExceeded)
                // Or that its last attempt was ended by the server, which carries nothing out.
                let said = error?.message.contains("may have been applied") ?? false
                #expect(said || error?.message.contains("attempt") == true, "\(error?.message ?? "")")
                // A read changes nothing.
                for read in [{ _ = try await kv.get(["k"]) }, { _ = try await kv.count() }] as [() async throws -> Void]
                {
                    let error = await #expect(throws: KvError.self) { try await read() }
                    #expect(error?.code == .deadlineExceeded)
                    #expect(error?.message.contains("applied") == false, "\(error?.message ?? "")")
                }
                // Nothing of it is left on the server.
                try await eventually(within: .seconds(3)) {
                    do {
                        return try await server.sql(
                            "SELECT id FROM information_schema.processlist WHERE info LIKE 'INSERT INTO `\(table)`%'"
                        ).isEmpty
                    } catch let error as MySQLError where error.serverCode == 3854 {
                        // MySQL can't show all characters of a statement that is still there.
                        return false
                    }
                }
                try await connection.command("UNLOCK TABLES", .read)
            }
            await holder.close()
            #expect(try await direct.get(["k"], as: Int.self) == 1)
        }
        await pool.close()
    }

    /// A caller may have a connection for longer than the configuration's deadline: the server knows of it, and of the
    /// usual one afterwards.
    @Test(arguments: try await TestServer.all)
    func aLeaseMayOutlastTheDeadline(_ server: TestServer) async throws {
        let pool = try server.pool(1) { $0.operationTimeout = .seconds(1) }
        func limits(_ connection: MySQLConnection) async throws -> [String?] {
            var limits: [String?] = []
            let variable = server.isMariaDB ? "max_statement_time" : "max_execution_time"
            try await connection.query("SELECT @@lock_wait_timeout, @@\(variable)") { row in
                limits = [row.text(0) ?? "\(row.integer(0) ?? -1)", row.text(1) ?? "\(row.integer(1) ?? -1)"]
            }
            return limits
        }
        let usual = try await pool.withConnection { try await limits($0) }
        for isFailing in [false, true] {
            try? await pool.withConnection(deadline: .now + .seconds(8)) { connection in
                var slept: Int64?
                try await connection.query("SELECT SLEEP(1.5)") { slept = $0.integer(0) }
                #expect(slept == 0, "it was not interrupted")
                #expect(try await limits(connection) != usual)
                if isFailing { throw CancellationError() }
            }
            #expect(try await pool.withConnection { try await limits($0) } == usual)
        }
        #expect(pool.status.connections == 1)
        await pool.close()
    }

    /// Statements of a killed process end on the server soon after its deadline, and are not applied.
    @Test(arguments: try await TestServer.all)
    func aProcessThatIsKilledLeavesNothingBehind(_ server: TestServer) async throws {
        try await server.withStore { direct, _ in
            try await direct.set(["k"], 1)
            let table = direct.options.tableName
            try await server.withUser(granted: "ALL") { user, password in
                func running() async throws -> Int {
                    // MySQL's other table would show the statements, and can't show all of their characters.
                    let (table, prefix) =
                        server.isMariaDB
                        ? ("information_schema.processlist", "") : ("performance_schema.threads", "processlist_")
                    return try await server.sql(
                        "SELECT 1 FROM \(table) WHERE \(prefix)user = ? AND \(prefix)command <> 'Sleep'", .text(user)
                    ).count
                }
                let holder = try server.pool(1) { $0.operationTimeout = .seconds(60) }
                try await holder.withConnection { connection in
                    try await connection.command("LOCK TABLES `\(table)` WRITE", .read)
                    let commands = [
                        ["set", "k", "--value", "2"], ["get", "k"], ["count"], ["delete", "k"], ["list"], ["sweep"],
                        ["cas", "k", "--expected", "1", "--new", "3"],
                    ]
                    let processes = commands.map { command in
                        CommandLineTool.make(
                            command + ["--table", table],
                            url:
                                "mysql://\(user):\(password)@127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
                                + "?deadline=2")
                    }
                    for process in processes {
                        process.standardError = FileHandle.nullDevice
                        try process.run()
                    }
                    try await eventually { try await running() >= 5 }
                    for process in processes { kill(process.processIdentifier, SIGKILL) }
                    for process in processes { process.waitUntilExit() }
                    try await eventually(within: .seconds(3)) { try await running() == 0 }
                    try await connection.command("UNLOCK TABLES", .read)
                }
                await holder.close()
            }
            #expect(try await direct.get(["k"], as: Int.self) == 1)
        }
    }
}
