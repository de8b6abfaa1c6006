import FedifyKv
@_spi(Scheduling) import MySQLClient

/// Several compare-and-swaps in one transaction that locks the rows from the comparison to the commit, in two round
/// trips: begin and locking read; write and commit.
///
/// A pipelined statement is executed even if the one before it fails. A COMMIT after a failed upsert commits a
/// transaction without changes, which is harmless; the callers get the upsert's error. Nothing else is pipelined after
/// a statement that changes data.
///
/// A caller whose deadline passes before the COMMIT was sent is told that nothing was written, so nothing must be.
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

    /// Decides the swaps one after the other, given the present values.
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

    /// Writes rows in statements of few sizes, the last one together with the COMMIT.
    private func write(_ rows: ArraySlice<SetRequest>, _ answers: [Result<Bool, any Error>]) {
        let count = BatchSize.bucket(notAbove: rows.count)
        guard count > 0 else {
            // No swap succeeds, so there is nothing to write.
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
                // The others are retried individually.
                return rollBack(MySQLError(.connectionLost, "a swap in the same batch timed out"))
            }
            var failure: MySQLError?
            // If the connection ends before the COMMIT is sent, this is rolled back, so it counts as a read.
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

    /// Leave no transaction open for the next batch.
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
