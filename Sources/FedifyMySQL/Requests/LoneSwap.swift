import FedifyKv
@_spi(Scheduling) import MySQLClient
import MySQLProtocol

/// A single compare-and-swap, on the event loop of its connection. It is decided by one autocommitted statement, or by
/// a read that shows another value than expected. So it is correct at every isolation level, and holds no lock between
/// statements.
struct LoneSwap {
    typealias Done = (Result<Bool, any Error>) -> Void

    let swap: PendingRequest<CompareAndSwap, Bool>
    let statements: Statements
    let connection: MySQLConnection
    private var request: CompareAndSwap { swap.request }
    private var key: KvKey { request.key }

    func decide(_ done: @escaping Done) {
        do {
            try request.new?.check(for: connection, with: key)
        } catch {
            return done(.failure(error))
        }
        guard let expected = request.expected else { return claim(done) }
        let dialect = Dialect(connection.server)
        // A number that the server would round must not be sent: it could equal another one.
        let isExact = dialect.keeps(expected.summary)
        guard isExact else { return swapAsWritten(expected.value, done) }
        replace(expected.value) { result in
            switch result {
            case .success(false) where dialect.comparesText: swapAsWritten(expected.value, done)
            default: done(result)
            }
        }
    }

    /// The value may be equal with another text, for example 2^53 + 1 as 9007199254740993.0. The stored text is swapped
    /// unless another write comes first; then it is read again.
    private func swapAsWritten(_ expected: JSONValue, _ done: @escaping Done) {
        read(or: done) { present in
            guard let present, present == expected else { return done(.success(false)) }
            replace(present) { result in
                guard case .success(false) = result else { return done(result) }
                swapAsWritten(expected, done)
            }
        }
    }

    /// From absent to `new`.
    private func claim(_ done: @escaping Done) {
        guard let new = request.new else { return read(or: done) { done(.success($0 == nil)) } }
        write(statements.insert, [key.parameter, new.parameter, request.life]) { result in
            switch result {
            case .success: done(.success(true))
            case .failure(let error) where error.serverCode == ServerErrorCode.duplicateKey:
                takeOver(new, done)
            case .failure(let error): done(.failure(error))
            }
        }
    }

    /// There is a row, live, or expired and not removed yet.
    private func takeOver(_ new: ValidatedValue, _ done: @escaping Done) {
        read(or: done) { present in
            guard present == nil else { return done(.success(false)) }
            write(statements.replaceExpired, [new.parameter, request.life, key.parameter]) { result in
                switch result {
                // It was replaced or removed.
                case .success(0): claim(done)
                case .success: done(.success(true))
                case .failure(let error): done(.failure(error))
                }
            }
        }
    }

    private func replace(_ expected: JSONValue, _ done: @escaping Done) {
        let dialect = Dialect(connection.server)
        let text = MySQLParameter.text(expected.json)
        if let new = request.new {
            let parameters = [new.parameter, request.life, key.parameter, text]
            write(statements.replace(dialect), parameters) { done($0.map { $0 > 0 }.mapError { $0 }) }
        } else {
            write(statements.remove(dialect), [key.parameter, text]) {
                done($0.map { $0 > 0 }.mapError { $0 })
            }
        }
    }

    private func write(
        _ sql: String, _ parameters: [MySQLParameter], _ done: @escaping (Result<UInt64, MySQLError>) -> Void
    ) {
        let handler = connection.handler
        handler.withStatement(sql, .write) { statement in
            execute(statement, done) { statement in
                // After its deadline the caller was told that nothing was written, so nothing must be.
                guard !swap.isAnswered else { return done(.failure(.deadlineExceeded(mayHaveBeenApplied: false))) }
                handler.execute(statement, parameters, .write, done)
            }
            handler.flush()
        }
    }

    private func read(or done: @escaping Done, _ body: @escaping (JSONValue?) -> Void) {
        BatchRunner(statements: statements).get([key], on: connection) { result in
            switch result {
            case .success(let values): body(values[0])
            case .failure(let error): done(.failure(error))
            }
        }
    }
}
