import MySQLProtocol
import NIOCore

/// A connection to a server, lent by `MySQLPool.withConnection`.
///
/// Statements are sent and answered in order.
package final class MySQLConnection: Sendable {
    /// The server's kind, version and limits.
    package let server: MySQLServer
    /// Where the server listens.
    package let address: MySQLConfiguration.Address
    /// The encryption, and what was verified about the server.
    package let encryption: Encryption
    /// Session variables that could not be set.
    package let refusedVariables: [String]
    /// The connection ID for `KILL`; nil with a proxy that has IDs of its own.
    let threadID: ThreadID?
    /// How long the server took to answer the set-up.
    let roundTrip: TimeAmount
    package let handler: ConnectionHandler

    /// A connection ID, and its server.
    struct ThreadID: Hashable, Sendable {
        let number: Int64
        let server: String
    }

    init(
        _ handler: ConnectionHandler, server: MySQLServer, address: MySQLConfiguration.Address, threadID: ThreadID?,
        refusedVariables: [String], roundTrip: TimeAmount
    ) {
        self.handler = handler
        self.server = server
        self.address = address
        self.threadID = threadID
        self.refusedVariables = refusedVariables
        encryption = handler.encryption
        self.roundTrip = roundTrip
    }

    /// Runs a statement and passes its rows to a closure, once all have arrived.
    ///
    /// It is prepared on first use and kept. (MySQL: "Prepared Statements".)
    ///
    /// - Parameters:
    ///   - sql: The statement, with a `?` for each parameter. Use few different texts, since each is prepared.
    ///   - parameters: What is bound to the `?`.
    ///   - maximumRows: More rows are a protocol violation and close the connection.
    ///   - row: Called for each row.
    /// - Returns: The rows found (not only those changed) by an UPDATE, inserted or deleted by another statement.
    /// - Throws: ``MySQLError``.
    @discardableResult
    package func query(
        _ sql: String, _ parameters: [MySQLParameter] = [], maximumRows: Int = 1,
        row: (MySQLRow) throws -> Void = { _ in }
    ) async throws -> UInt64 {
        let result = try await rows(sql, parameters, .write, maximumRows: maximumRows)
        for found in result.rows { try row(found) }
        return result.affectedRows
    }

    /// The answer to a statement.
    package struct Rows: Sendable {
        package var rows: [MySQLRow] = []
        package var affectedRows: UInt64 = 0
        /// Further rows were discarded.
        package var isCut = false

        /// An answer without rows.
        package init(affectedRows: UInt64 = 0) {
            self.affectedRows = affectedRows
        }
    }

    /// Runs a statement.
    ///
    /// - Parameters:
    ///   - sql: The statement.
    ///   - parameters: What is bound to the `?`.
    ///   - effect: Whether it changes data.
    ///   - maximumRows: More rows are a protocol violation and close the connection.
    ///   - maximumBytes: Rows after this many bytes are discarded.
    /// - Returns: The rows.
    /// - Throws: ``MySQLError``.
    package func rows(
        _ sql: String, _ parameters: [MySQLParameter] = [], _ effect: ConnectionHandler.Effect = .read,
        maximumRows: Int = 1, maximumBytes: Int = .max
    ) async throws(MySQLError) -> Rows {
        try await onLoop { handler, done in
            handler.withStatement(sql, effect) { prepared in
                let statement: PreparedStatement
                switch prepared {
                case .success(let prepared): statement = prepared
                case .failure(let error): return done(.failure(error))
                }
                var found = Rows()
                var bytes = 0
                handler.execute(statement, parameters, effect, maximumRows: maximumRows) {
                    reader throws(ProtocolError) in
                    found.isCut = found.isCut || bytes >= maximumBytes
                    guard !found.isCut else { return }
                    let row = try MySQLRow(&reader)
                    for column in 0..<row.count { bytes += row.size(column) }
                    found.rows.append(row)
                } _: { result in
                    done(
                        result.map { affectedRows in
                            found.affectedRows = affectedRows
                            return found
                        })
                }
                handler.flush()
            }
        }
    }

    /// Runs a statement that can't be prepared. (MySQL: "SQL Syntax Permitted in Prepared
    /// Statements".)
    package func command(_ sql: String, _ effect: ConnectionHandler.Effect) async throws(MySQLError) {
        _ = try await onLoop { handler, done in
            handler.query(sql, effect) { done($0) }
            handler.flush()
        }
    }

    /// Runs a statement that reads, without preparing it. For statements without data in them.
    package func unpreparedRows(_ sql: String, maximumRows: Int) async throws(MySQLError) -> [MySQLRow] {
        try await onLoop { handler, done in
            var rows: [MySQLRow] = []
            handler.query(sql, .read, maximumRows: maximumRows) { reader throws(ProtocolError) in
                rows.append(try MySQLRow(&reader))
            } _: { result in
                done(result.map { _ in rows })
            }
            handler.flush()
        }
    }

    /// Closes the connection gracefully after pending commands are answered.
    func close() {
        handler.eventLoop.execute { [handler] in handler.quit() }
    }

    /// Runs work on the connection's event loop and waits for its completion.
    package func onLoop<T: Sendable>(
        _ work: @escaping @Sendable (ConnectionHandler, @escaping (Result<T, MySQLError>) -> Void) -> Void
    ) async throws(MySQLError) -> T {
        let result: Result<T, MySQLError> = await withUnsafeContinuation { continuation in
            if handler.eventLoop.inEventLoop {
                work(handler) { continuation.resume(returning: $0) }
            } else {
                handler.eventLoop.execute { [handler] in work(handler) { continuation.resume(returning: $0) } }
            }
        }
        return try result.get()
    }
}

/// The server of a connection.
package struct MySQLServer: Sendable, Equatable {
    /// The two families.
    package enum Flavor: String, Sendable {
        /// Oracle's MySQL and compatible servers.
        case mysql
        /// MariaDB.
        case mariadb
    }

    /// Whether the server takes no writes. One row.
    ///
    /// (A number, or since MariaDB 12 a string, ON or NO_LOCK, which would be 0 as a number.)
    package static let isReadOnly =
        "SELECT @@GLOBAL.read_only NOT IN ('0', 'OFF') OR @@GLOBAL.innodb_read_only"

    /// The family.
    package let flavor: Flavor
    /// The version as the server reports it.
    package let version: String
    /// `max_allowed_packet`, in bytes.
    package let maximumPacketSize: Int
}
