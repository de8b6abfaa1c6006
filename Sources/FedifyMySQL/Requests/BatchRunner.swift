import FedifyKv
import MySQLClient
import MySQLProtocol

/// Executes a batch of requests with the same results as if they had been executed one after the other. On the event
/// loop of the connection.
///
/// Rows are written and locked in the order of their keys, so that two statements can't deadlock on each other's rows.
struct BatchRunner: Sendable {
    typealias Done<T> = (Result<T, MySQLError>) -> Void
    typealias Answers<T> = [Result<T, any Error>]

    let statements: Statements

    // MARK: - Get and delete

    /// The value of each key, or nil.
    func get(
        _ keys: [KvKey], on connection: MySQLConnection, _ done: @escaping Done<[JSONValue?]>
    ) {
        let handler = connection.handler
        guard keys.count == 1 else {
            let size = BatchSize.bucket(notBelow: keys.count)
            return handler.withStatement(statements.get(keys: size), .read) { statement in
                execute(statement, done) { read(keys, $0, size, handler, done) }
                handler.flush()
            }
        }
        handler.withStatement(statements.get, .read) { statement in
            execute(statement, done) { statement in
                var value: JSONValue?
                handler.execute(statement, [keys[0].parameter], .read, maximumRows: 1) { row throws(ProtocolError) in
                    value = try row.nextValue()
                } _: { result in
                    done(result.map { _ in [value] })
                }
            }
            handler.flush()
        }
    }

    /// Deletes entries; returns how many existed.
    func delete(_ keys: [KvKey], on connection: MySQLConnection, _ done: @escaping Done<Int>) {
        let (handler, dialect) = (connection.handler, Dialect(connection.server))
        let size = BatchSize.bucket(notBelow: keys.count)
        let sql = keys.count == 1 ? statements.delete(dialect) : statements.delete(keys: size)
        let parameters = keys.count == 1 ? [keys[0].parameter] : keys.sorted().map(\.parameter).filled(to: size)
        handler.withStatement(sql, .write) { statement in
            execute(statement, done) { statement in
                handler.execute(statement, parameters, .write) { done($0.map { Int(clamping: $0) }) }
            }
            handler.flush()
        }
    }

    // MARK: - Set

    /// Stores rows, with a result for each. Of rows with the same key, the last one wins.
    func set(
        _ rows: [SetRequest], on connection: MySQLConnection, _ done: @escaping (Answers<Void>) -> Void
    ) {
        var answers: Answers<Void> = rows.map { row in Result { try row.value.check(for: connection, with: row.key) } }
        let kept = answers.indices.filter { if case .success = answers[$0] { true } else { false } }
        let order = kept.map { rows[$0].key }.order.map { kept[$0] }
        let sorted = order.map { rows[$0] }
        storeEach(sorted[...], on: connection) { stored in
            for (index, answer) in zip(order, stored) { answers[index] = answer }
            done(answers)
        }
    }

    /// Stores rows that are sorted by key, in statements of few sizes.
    private func storeEach(
        _ rows: ArraySlice<SetRequest>, on connection: MySQLConnection, _ done: @escaping (Answers<Void>) -> Void
    ) {
        guard !rows.isEmpty else { return done([]) }
        let count = BatchSize.bucket(notAbove: rows.count)
        bisecting(rows.prefix(count)) { rows, done in
            store(rows, on: connection) { result in done(result.map { _ in rows.map { _ in .success(()) } }) }
        } done: { answers in
            guard rows.count > count else { return done(answers) }
            storeEach(rows.dropFirst(count), on: connection) { done(answers + $0) }
        }
    }

    /// Stores rows in one statement.
    private func store(_ rows: ArraySlice<SetRequest>, on connection: MySQLConnection, _ done: @escaping Done<UInt64>) {
        let handler = connection.handler
        handler.withStatement(statements.set(rows: rows.count), .write) { statement in
            execute(statement, done) { handler.execute($0, rows.parameters, .write, done) }
            handler.flush()
        }
    }

    // MARK: - Compare-and-swap

    /// Compare-and-swaps, each in a statement of its own or all in one transaction. One whose caller was already told
    /// that nothing was written is skipped.
    func swap(
        _ swaps: ArraySlice<PendingRequest<CompareAndSwap, Bool>>, on connection: MySQLConnection,
        _ done: @escaping (Answers<Bool>) -> Void
    ) {
        bisecting(swaps) { swaps, done in
            if swaps.count == 1, let swap = swaps.first {
                return LoneSwap(swap: swap, statements: statements, connection: connection).decide { answer in
                    if case .failure(let error as MySQLError) = answer {
                        done(.failure(error))
                    } else {
                        done(.success([answer]))
                    }
                }
            }
            SwapTransaction(Array(swaps), statements, on: connection, done).begin()
        } done: {
            done($0)
        }
    }

    // MARK: - Rows

    /// Reads the values of keys, by a statement for `size` keys.
    func read(
        _ keys: [KvKey], _ statement: PreparedStatement, _ size: Int, _ handler: ConnectionHandler,
        _ done: @escaping Done<[JSONValue?]>
    ) {
        let order = keys.order
        var values = [JSONValue?](repeating: nil, count: keys.count)
        // The server usually returns the rows in the order of their keys.
        var next = 0
        let parameters = order.map { keys[$0].parameter }.filled(to: size)
        handler.execute(statement, parameters, .read, maximumRows: keys.count) { row throws(ProtocolError) in
            guard let key = try row.nextBytes() else { return }
            func distance(_ position: Int) -> Int { keys[order[position]].serialized.compareBytes(with: key) }
            if next > 0, distance(next - 1) >= 0 { next = 0 }
            while next < order.count, distance(next) < 0 { next += 1 }
            let value = try row.nextValue()
            while next < order.count, distance(next) == 0 {
                values[order[next]] = value
                next += 1
            }
        } _: { result in
            done(result.map { _ in values })
        }
    }
}

/// Continues with a prepared statement, or fails with the reason why preparing failed.
func execute<T>(
    _ statement: Result<PreparedStatement, MySQLError>, _ done: (Result<T, MySQLError>) -> Void,
    _ body: (PreparedStatement) -> Void
) {
    switch statement {
    case .success(let statement): body(statement)
    case .failure(let error): done(.failure(error))
    }
}

extension RowReader {
    /// A JSON column.
    mutating func nextValue() throws(ProtocolError) -> JSONValue? {
        try nextBytes().map { JSONValue(uncheckedJSON: $0.text) }
    }
}

extension KvKey {
    var parameter: MySQLParameter { .text(serialized) }
}

extension Collection<SetRequest> {
    /// Key, value and microseconds of each row.
    var parameters: [MySQLParameter] {
        var parameters: [MySQLParameter] = []
        parameters.reserveCapacity(3 * count)
        for row in self {
            parameters.append(row.key.parameter)
            parameters.append(row.value.parameter)
            parameters.append(row.life)
        }
        return parameters
    }
}

extension [MySQLParameter] {
    /// Padded with NULL, which equals no key.
    func filled(to size: Int) -> [MySQLParameter] {
        self + repeatElement(.null, count: size - count)
    }
}

/// The sizes of statements. There are few, so that each connection prepares few statements.
enum BatchSize {
    /// The largest of 1, 2, 3, 4, 6, 8, 12, 16, 24, … that is not more than `count`.
    static func bucket(notAbove count: Int) -> Int {
        guard count > 1 else { return count }
        let power = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
        return count >= power + power / 2 ? power + power / 2 : power
    }

    /// The smallest power of two that is not less than `count`.
    static func bucket(notBelow count: Int) -> Int {
        var size = 1
        while size < count { size *= 2 }
        return size
    }
}
