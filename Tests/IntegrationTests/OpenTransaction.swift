import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// A transaction of another client, which stays open until it is ended.
final class OpenTransaction: Sendable {
    private let pool: MySQLPool
    private let gate = Gate()
    private let last: NIOLockedValueBox<[String]>
    private let task: Task<Void, any Error>

    /// Begins the transaction. Returns when its first statements are carried out.
    init(on server: TestServer, _ statements: String...) async throws {
        pool = try server.pool(1)
        let begun = NIOLockedValueBox(false)
        last = NIOLockedValueBox([])
        task = Task { [pool, gate, last] in
            try await pool.withConnection(deadline: .now + .seconds(300)) { connection in
                func run(_ statements: [String]) async throws {
                    for statement in statements {
                        try await connection.query(statement, maximumRows: 100_000)
                    }
                }
                try await connection.command("START TRANSACTION", .read)
                try await run(statements)
                begun.withLockedValue { $0 = true }
                await gate.pass()
                try await run(last.withLockedValue(\.self))
                try await connection.command("COMMIT", .read)
            }
        }
        try await eventually { begun.withLockedValue(\.self) }
    }

    /// Carries out some more statements, and commits.
    func commit(_ statements: String...) async throws {
        last.withLockedValue { $0 = statements }
        gate.open()
        try await task.value
        await pool.close()
    }
}
