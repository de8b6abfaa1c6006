import Foundation
import HostileServer
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// What becomes of answers that end otherwise than in order.
@Suite struct AnswerTests {
    /// A pool of one connection, and what the server did to the statements it was asked to execute.
    private func withServer<T>(
        _ misbehave: @escaping @Sendable (FakeSession, FakeServer.Connection, FakeSession.Command) -> Bool,
        _ body: (MySQLPool, FakeServer) async throws -> T
    ) async throws -> T {
        let server = try FakeServer { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { misbehave(session, connection, $0) }
        }
        defer { server.stop() }
        var configuration = MySQLConfiguration(
            address: .tcp(host: "127.0.0.1", port: server.port), user: "user", password: "secret", database: "db")
        configuration.pool.maximumConnections = 1
        configuration.operationTimeout = .seconds(5)
        let pool = try MySQLPool(configuration)
        let result = try await body(pool, server)
        await pool.close()
        return result
    }

    /// An error between rows keeps its number, and the connection goes on.
    @Test(arguments: [1038, 1205, 1317, 1969, 3024] as [UInt16])
    func anErrorBetweenRowsKeepsItsNumber(_ code: UInt16) async throws {
        try await withServer { session, connection, command in
            guard case .execute(let sql) = command, sql == "SELECT 1" else { return false }
            let number = session.columns(1)
            connection.packet(number, FakeSession.row(["1"]))
            connection.packet(number + 1, FakeSession.error(code, "stopped"))
            return true
        } _: { pool, _ in
            try await pool.withConnection { connection in
                let error = await #expect(throws: MySQLError.self) {
                    try await connection.query("SELECT 1", maximumRows: 9)
                }
                #expect(error?.serverCode == UInt32(code))
                #expect(error?.code == .server)
                try await connection.query("DO 1")
            }
        }
    }

    /// Fewer columns than were asked for, as from a server that ended the statement: they are NULL, and no crash.
    @Test func aColumnThatIsLeftOutIsNull() async throws {
        try await withServer { session, _, command in
            guard case .execute(let sql) = command, sql == "SELECT 1, 2" else { return false }
            session.rows([["1"]])
            return true
        } _: { pool, _ in
            try await pool.withConnection { connection in
                var row: MySQLRow?
                try await connection.query("SELECT 1, 2") { row = $0 }
                let found = try #require(row)
                #expect(found.text(0) == "1")
                #expect(found.text(1) == nil && found.integer(1) == nil && found.size(1) == 0)
            }
        }
    }

    /// A connection that is lost between rows is not used again, and what comes later is not lost with it.
    @Test func aConnectionLostBetweenRowsIsNotUsedAgain() async throws {
        let losses = NIOLockedValueBox(0)
        try await withServer { session, connection, command in
            guard case .execute(let sql) = command, sql == "SELECT 1" else { return false }
            let isFirst = losses.withLockedValue { count in
                count += 1
                return count == 1
            }
            guard isFirst else { return false }
            connection.packet(session.columns(1), FakeSession.row(["1"]))
            connection.hangUp()
            return true
        } _: { pool, _ in
            let lost = await #expect(throws: MySQLError.self) {
                try await pool.withConnection { try await $0.query("SELECT 1", maximumRows: 9) }
            }
            #expect(lost?.code == .connectionLost)
            // A write that was never sent with the lost one is carried out.
            for _ in 0..<3 { try await pool.withConnection { try await $0.query("UPDATE t SET a = 1") } }
        }
    }

    /// What has happened to a statement follows from what was written: a failure to prepare it has changed nothing.
    @Test(arguments: [false, true])
    func onlyWhatWasWrittenMayHaveBeenApplied(_ isExecuted: Bool) async throws {
        try await withServer { _, connection, command in
            switch command {
            case .prepare(let sql) where sql.hasPrefix("UPDATE") && !isExecuted: connection.hangUp()
            case .execute(let sql) where sql.hasPrefix("UPDATE"): connection.hangUp()
            default: return false
            }
            return true
        } _: { pool, _ in
            let error = await #expect(throws: MySQLError.self) {
                try await pool.withConnection { try await $0.query("UPDATE t SET a = 1") }
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.mayHaveBeenApplied == isExecuted)
        }
    }

    /// A failure before the caller's own statement was sent is no outcome of it: it is tried again.
    @Test func aConnectionLostDuringTheSetUpIsTriedAgain() async throws {
        let attempts = NIOLockedValueBox(0)
        try await withServer { _, connection, command in
            guard case .query(let sql) = command, sql.hasPrefix("SET SESSION sql_mode") else { return false }
            let number = attempts.withLockedValue { count in
                count += 1
                return count
            }
            if number > 3 { return false }
            if number == 1 { connection.hangUp() } else { connection.packet(1, FakeSession.error(9001, "no backend")) }
            return true
        } _: { pool, _ in
            try await pool.withConnection { try await $0.query("UPDATE t SET a = 1") }
            #expect(attempts.withLockedValue(\.self) == 4)
        }
    }

    /// A server that doesn't know a variable is asked to set the others.
    @Test(arguments: [1064, 1193, 1227, 1238] as [UInt16])
    func variablesThatTheServerDoesNotKnowAreLeft(_ code: UInt16) async throws {
        let set = NIOLockedValueBox<[String]>([])
        try await withServer { _, connection, command in
            guard case .query(let sql) = command, sql.contains("sql_mode =") || sql.contains("sort_buffer_size =")
            else { return false }
            guard sql.contains("sort_buffer_size") else {
                set.withLockedValue { $0.append(sql) }
                return false
            }
            connection.packet(1, FakeSession.error(code, "no such thing"))
            return true
        } _: { pool, _ in
            try await pool.withConnection { try await $0.query("UPDATE t SET a = 1") }
            #expect(
                set.withLockedValue(\.self) == ["SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"])
        }
    }

    /// An answer that comes twice is not taken for that to the next question.
    @Test func anAnswerThatComesTwiceIsNotTakenForTheNext() async throws {
        try await withServer { session, connection, command in
            switch command {
            case .execute("SELECT 1"):
                let answer = session.answer(rows: [["twice"]])
                connection.write(answer + answer)
            case .execute("SELECT 2"): session.rows([["right"]])
            default: return false
            }
            return true
        } _: { pool, _ in
            for _ in 0..<20 {
                _ = try? await pool.withConnection { try await $0.query("SELECT 1") }
                var found: String?
                _ = try? await pool.withConnection { try await $0.query("SELECT 2") { found = $0.text(0) } }
                #expect(found != "twice")
            }
        }
    }
}
