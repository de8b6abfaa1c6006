import FedifyKv
import MySQLClient

/// A key to get.
struct GetRequest: CoalescedRequest {
    let key: KvKey

    var size: Int { key.serialized.utf8.count + 16 }
    static var isRead: Bool { true }
}

/// A key to delete.
struct DeleteRequest: CoalescedRequest {
    let key: KvKey

    var size: Int { key.serialized.utf8.count + 16 }
}

/// A row to store.
struct SetRequest: CoalescedRequest {
    let key: KvKey
    let value: CheckedValue
    /// Microseconds, or NULL.
    let life: MySQLParameter

    var size: Int { key.serialized.utf8.count + value.summary.byteCount + 64 }
    static func batchSize(_ waiting: Int) -> Int { BatchSize.fitting(waiting) }
}

/// Sizes of statements. There are few, so that each connection prepares few statements.
enum BatchSize {
    /// The largest of 1, 2, 3, 4, 6, 8, 12, 16, 24, … that is not more than `count`.
    static func fitting(_ count: Int) -> Int {
        guard count > 1 else { return count }
        let power = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
        return count >= power + power / 2 ? power + power / 2 : power
    }

    /// The smallest power of two that is not less than `count`.
    static func holding(_ count: Int) -> Int {
        var size = 1
        while size < count { size *= 2 }
        return size
    }
}

/// Carries requests out together, each as if those before it had been carried out one after the other.
///
/// Rows are written and locked in the order of their keys, so that two statements wait for each other's rows one way
/// round only.
struct Batches: Sendable {
    let statements: Statements

    /// The value of each key, nil where there is none.
    func get(_ keys: [KvKey], on connection: MySQLConnection) throws(MySQLError) -> [KvValue?] {
        if keys.count == 1 {
            var value: KvValue?
            try connection.query(statements.get, [.text(keys[0].serialized)]) { value = $0.value(0) }
            return [value]
        }
        let size = BatchSize.holding(keys.count)
        return try read(keys, statements.get(keys: size), size, on: connection)
    }

    /// Deletes the entries that are there; gives back how many were.
    @discardableResult
    func delete(_ keys: [KvKey], on connection: MySQLConnection) throws(MySQLError) -> Int {
        let dialect = Dialect(connection.server)
        if keys.count == 1 {
            return Int(try connection.query(statements.delete(dialect), [.text(keys[0].serialized)]))
        }
        let size = BatchSize.holding(keys.count)
        let parameters = keys.sorted().map { MySQLParameter.text($0.serialized) }
        return Int(try connection.query(statements.delete(dialect, keys: size), parameters.filled(to: size)))
    }

    /// Stores rows; gives back for each whether this server can keep it. Of rows with the same key the last stays.
    func set(_ rows: [SetRequest], on connection: MySQLConnection) throws -> [Result<Void, any Error>] {
        let answers = rows.map { row in Result { try row.value.check(for: connection, with: row.key) } }
        let kept = zip(rows, answers).compactMap { row, answer in (try? answer.get()).map { row } }
        try store(kept.map(\.key).order.map { kept[$0] }, on: connection)
        return answers
    }

    /// Swaps, in one transaction that holds the rows from the comparison to the commit.
    func swap(_ swaps: [Swap], on connection: MySQLConnection) throws -> [Result<Bool, any Error>] {
        if swaps.count == 1 { return [Result { try swaps[0].run(on: connection) }] }
        return try connection.transaction {
            var answers: [Result<Bool, any Error>] = []
            let size = BatchSize.holding(swaps.count)
            let keys = swaps.map(\.key)
            let present = try read(keys, statements.lock(keys: size), size, on: connection)
            var values: [KvKey: KvValue] = [:]
            for (key, value) in zip(keys, present) { values[key] = value }
            var written: [KvKey: SetRequest] = [:]
            for swap in swaps {
                answers.append(
                    Result {
                        guard values[swap.key] == swap.expected?.value, let new = swap.new else { return false }
                        try new.check(for: connection, with: swap.key)
                        values[swap.key] = new.value
                        written[swap.key] = SetRequest(key: swap.key, value: new, life: swap.life)
                        return true
                    })
            }
            try store(written.values.sorted { $0.key < $1.key }, on: connection)
            return answers
        }
    }

    private func store(_ rows: [SetRequest], on connection: MySQLConnection) throws(MySQLError) {
        guard let last = rows.last else { return }
        let size = BatchSize.fitting(rows.count) == rows.count ? rows.count : BatchSize.holding(rows.count)
        var parameters: [MySQLParameter] = []
        parameters.reserveCapacity(3 * size)
        // The last row stands in for those missing: stored twice, it is the same.
        for row in rows + repeatElement(last, count: size - rows.count) {
            parameters.append(.text(row.key.serialized))
            parameters.append(row.value.parameter)
            parameters.append(row.life)
        }
        try connection.query(statements.set(rows: size), parameters)
    }

    private func read(
        _ keys: [KvKey], _ sql: String, _ size: Int, on connection: MySQLConnection
    ) throws(MySQLError) -> [KvValue?] {
        let order = keys.order
        let parameters = order.map { MySQLParameter.text(keys[$0].serialized) }
        var values = [KvValue?](repeating: nil, count: keys.count)
        // As a rule the server reads the rows in the order of their keys.
        var next = 0
        try connection.query(sql, parameters.filled(to: size), maximumRows: keys.count) { row in
            row.withBytes(0) { key in
                guard let key else { return }
                func distance(_ position: Int) -> Int { keys[order[position]].serialized.compareBytes(with: key) }
                if next > 0, distance(next - 1) >= 0 { next = 0 }
                while next < order.count, distance(next) < 0 { next += 1 }
                let value = row.value(1)
                while next < order.count, distance(next) == 0 {
                    values[order[next]] = value
                    next += 1
                }
            }
        }
        return values
    }
}

extension [KvKey] {
    /// The indices in the order of the keys; equal keys stay in their order.
    var order: [Int] {
        guard let first, count > 1 else { return Array<Int>(indices) }
        // As a rule the bytes behind what all keys begin with decide.
        let shared = reduce(first.serialized.utf8.count) {
            Swift.min($0, first.serialized.sharedPrefix(with: $1.serialized))
        }
        return enumerated().map { (bytes: $1.serialized.bytes(from: shared), index: $0) }.sorted { left, right in
            if left.bytes != right.bytes { return left.bytes < right.bytes }
            let distance = self[left.index].serialized.compareBytes(with: self[right.index].serialized)
            return distance == 0 ? left.index < right.index : distance < 0
        }.map(\.index)
    }
}

extension [MySQLParameter] {
    /// Filled up with NULL, which is equal to no key.
    fileprivate func filled(to size: Int) -> [MySQLParameter] {
        self + repeatElement(.null, count: size - count)
    }
}

extension MySQLConnection {
    /// The bytes of keys and values that one statement should carry at the most.
    var statementSize: Int { min(server.maximumPacketSize, 4 << 20) }
}
