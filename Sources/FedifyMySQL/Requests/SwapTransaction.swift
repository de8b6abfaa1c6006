import FedifyKv
@_spi(Scheduling) import MySQLClient

/// Several compare-and-swaps in one transaction that holds the rows from the comparison to the commit, in two round
/// trips: it begins and reads with locks; it writes and commits.
///
/// What is written behind a statement is carried out even if that statement fails. A COMMIT behind an upsert that failed
/// commits a transaction that has changed nothing, which is harmless; the callers are answered by the upsert's failure.
/// Nothing else is written behind a statement that changes something.
///
/// A caller whose deadline passes before the COMMIT was written is told that nothing was: so it must be.
final class SwapTransaction {
    typealias Done = (Result<[Result<Bool, any Error>], MySQLError>) -> Void

    private let swaps: [PendingRequest<CompareAndSwap, Bool>]
    private let statements: Statements
    private let connection: MySQLConnection
    private let done: Done
    private var handler: ConnectionHandler { connection.handler }

    init(
        _ swaps: [PendingRequest<CompareAndSwap, Bool>], _ statements: Statements, on connection: MySQLConnection,
        _ done: @escaping Done
    ) {
        self.swaps = swaps
        self.statements = statements
        self.connection = connection
        self.done = done
    }

    func begin() {
        let size = BatchSize.bucket(notBelow: swaps.count)
        handler.withStatement(statements.lock(keys: size), .read) { [self] statement in
            execute(statement, done) { statement in
                var failure: MySQLError?
                handler.query(MySQLConnection.begin, .read) { result in
                    if case .failure(let error) = result { failure = error }
                }
                BatchRunner(statements: statements).read(swaps.map(\.request.key), statement, size, handler) {
                    [self] result in
                    switch (failure, result) {
                    case (nil, .success(let present)): decide(present)
                    case (let error?, _), (nil, .failure(let error)): rollBack(error)
                    }
                }
            }
            handler.flush()
        }
    }

    /// Which swaps there are, one after the other, given what is present.
    private func decide(_ present: [JSONValue?]) {
        var values: [KvKey: JSONValue] = [:]
        for (swap, value) in zip(swaps, present) { values[swap.request.key] = value }
        var written: [KvKey: SetRequest] = [:]
        let answers = swaps.map { pending in
            let swap = pending.request
            return Result<Bool, any Error> {
                guard !pending.isAnswered, values[swap.key] == swap.expected?.value, let new = swap.new else {
                    return false
                }
                try new.check(for: connection, with: swap.key)
                values[swap.key] = new.value
                written[swap.key] = SetRequest(key: swap.key, value: new, life: swap.life)
                return true
            }
        }
        write(written.values.sorted { $0.key < $1.key }[...], answers)
    }

    /// Writes rows in statements of few sizes, the last of them together with the COMMIT.
    private func write(_ rows: ArraySlice<SetRequest>, _ answers: [Result<Bool, any Error>]) {
        let count = BatchSize.bucket(notAbove: rows.count)
        guard count > 0 else {
            // Nobody swaps: there is nothing to lose.
            handler.query(MySQLConnection.commit, .read) { [self] result in
                switch result {
                case .success: done(.success(answers))
                case .failure(let error): rollBack(error)
                }
            }
            return handler.flush()
        }
        let isLast = count == rows.count
        handler.withStatement(statements.set(rows: count), .read) { [self] prepared in
            guard case .success(let statement) = prepared else {
                if case .failure(let error) = prepared { rollBack(error) }
                return
            }
            guard !isLast || zip(swaps, answers).allSatisfy({ !$0.isAnswered || !$1.hasSwapped }) else {
                // The others are tried again, by themselves.
                return rollBack(MySQLError(.connectionLost, "a swap of the same batch ran out of time"))
            }
            var failure: MySQLError?
            // Whatever ends the connection before the COMMIT is written undoes this: it is no change by itself.
            handler.execute(statement, rows.prefix(count).parameters, .read) { [self] result in
                if case .failure(let error) = result { failure = error }
                guard !isLast else { return }
                if let failure { rollBack(failure) } else { write(rows.dropFirst(count), answers) }
            }
            if isLast {
                handler.query(MySQLConnection.commit, .write) { [self] result in
                    switch (failure, result) {
                    case (let error?, .success) where error.code == .server: done(.failure(error.notApplied))
                    case (let error?, .failure) where error.code == .server: rollBack(error)
                    case (_, .failure(let error)): end(error)
                    case (let error?, _): end(error)
                    case (nil, .success): done(.success(answers))
                    }
                }
            }
            handler.flush()
        }
    }

    /// Nothing may be left open for the next batch.
    private func end(_ error: MySQLError) {
        handler.fail(error)
        done(.failure(error))
    }

    private func rollBack(_ error: MySQLError) {
        handler.query(MySQLConnection.rollback, .read) { [self] result in
            if case .failure(let failure) = result { handler.fail(failure) }
            done(.failure(error.notApplied))
        }
        handler.flush()
    }
}

extension Result where Success == Bool {
    fileprivate var hasSwapped: Bool { if case .success(true) = self { true } else { false } }
}
