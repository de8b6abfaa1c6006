import MySQLClient
import Testing

extension MySQLPool {
    /// The server's number of a connection of this pool.
    func id() async throws -> Int64 {
        try await withConnection { connection in
            var id: Int64?
            try await connection.query("SELECT CONNECTION_ID()") { id = $0.integer(0) }
            return id ?? -1
        }
    }

    /// A status variable of a connection's session: of the only one, on a pool of one.
    func sessionStatus(_ name: String) async throws -> String {
        try await withConnection { connection in
            var value: String?
            try await connection.query("SHOW SESSION STATUS LIKE '\(name)'") { value = $0.text(1) }
            return value ?? ""
        }
    }

    /// How many prepared statements the only connection of a pool has executed.
    func executions() async throws -> Int {
        try #require(Int(try await sessionStatus("Com_stmt_execute")))
    }
}
