import FedifyKv
import MySQLClient
import MySQLProtocol

/// One compare-and-swap. Each way through it ends in one autocommitted statement that decides, or in a read that shows
/// that the entry wasn't as expected: so it holds at every isolation level, and holds no lock between statements.
struct CompareAndSwap: StoreRequest {
    typealias Done = (Result<Bool, any Error>) -> Void

    let key: KvKey
    let expected: CheckedValue?
    let new: CheckedValue?
    let life: MySQLParameter
    let statements: Statements

    var size: Int { key.serialized.utf8.count + (new?.summary.byteCount ?? 0) + 64 }

    /// It can be decided together with others: its row is there, or its answer is no. (A row that isn't there can't be
    /// locked.)
    var isCoalescible: Bool { expected != nil && new != nil }

    /// On the connection's event loop.
    func run(on connection: MySQLConnection, _ done: @escaping Done) {
        do {
            try new?.check(for: connection, with: key)
        } catch {
            return done(.failure(error))
        }
        guard let expected else { return claim(on: connection, done) }
        let dialect = Dialect(connection.server)
        // A number that the server would alter must not get there: it could be taken for another one.
        let isExact = dialect.keeps(expected.summary)
        guard isExact else { return swapAsWritten(expected.value, on: connection, done) }
        swap(expected.value, on: connection) { result in
            switch result {
            case .success(false) where dialect.comparesText: swapAsWritten(expected.value, on: connection, done)
            default: done(result)
            }
        }
    }

    /// The value may be equal and written otherwise, for example 2^53 + 1 as 9007199254740993.0. It is swapped as it is
    /// written, if no other write comes first; else it is read again.
    private func swapAsWritten(_ expected: KvValue, on connection: MySQLConnection, _ done: @escaping Done) {
        read(on: connection, or: done) { present in
            guard let present, present == expected else { return done(.success(false)) }
            swap(present, on: connection) { result in
                guard case .success(false) = result else { return done(result) }
                swapAsWritten(expected, on: connection, done)
            }
        }
    }

    /// Absent to `new`.
    private func claim(on connection: MySQLConnection, _ done: @escaping Done) {
        guard let new else { return read(on: connection, or: done) { done(.success($0 == nil)) } }
        run(statements.insert, [key.parameter, new.parameter, life], on: connection) { result in
            switch result {
            case .success: done(.success(true))
            case .failure(let error) where error.serverCode == ServerErrorCode.duplicateKey:
                takeOver(new, on: connection, done)
            case .failure(let error): done(.failure(error))
            }
        }
    }

    /// There is a row, of an entry that is live, or expired and not removed yet.
    private func takeOver(_ new: CheckedValue, on connection: MySQLConnection, _ done: @escaping Done) {
        read(on: connection, or: done) { present in
            guard present == nil else { return done(.success(false)) }
            run(statements.replaceExpired, [new.parameter, life, key.parameter], on: connection) { result in
                switch result {
                // Another took it over, or it was removed.
                case .success(0): claim(on: connection, done)
                case .success: done(.success(true))
                case .failure(let error): done(.failure(error))
                }
            }
        }
    }

    private func swap(_ expected: KvValue, on connection: MySQLConnection, _ done: @escaping Done) {
        let dialect = Dialect(connection.server)
        let text = MySQLParameter.text(expected.json)
        if let new {
            let parameters = [new.parameter, life, key.parameter, text]
            run(statements.replace(dialect), parameters, on: connection) { done($0.map { $0 > 0 }.mapError { $0 }) }
        } else {
            run(statements.remove(dialect), [key.parameter, text], on: connection) {
                done($0.map { $0 > 0 }.mapError { $0 })
            }
        }
    }

    private func run(
        _ sql: String, _ parameters: [MySQLParameter], on connection: MySQLConnection,
        _ done: @escaping (Result<UInt64, MySQLError>) -> Void
    ) {
        let handler = connection.handler
        handler.withStatement(sql, .write) { statement in
            execute(statement, done) { handler.execute($0, parameters, .write, done) }
            handler.flush()
        }
    }

    private func read(
        on connection: MySQLConnection, or done: @escaping Done, _ body: @escaping (KvValue?) -> Void
    ) {
        BatchRunner(statements: statements).get([key], on: connection) { result in
            switch result {
            case .success(let values): body(values[0])
            case .failure(let error): done(.failure(error))
            }
        }
    }
}
