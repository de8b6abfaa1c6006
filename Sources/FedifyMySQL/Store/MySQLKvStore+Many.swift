public import FedifyKv
import MySQLClient

extension MySQLKvStore {
    /// The values of many keys. A key that has none is not in the result.
    ///
    /// - Throws: `KvError` as ``get(_:)`` does, for any of the keys before anything is sent.
    public func get(keys: [KvKey]) async throws(KvError) -> [KvKey: JSONValue] {
        for key in keys { try check(key) }
        return try await perform(.get, size: keys.count) { try await values(of: keys) }
    }

    private func values(of keys: [KvKey]) async throws -> [KvKey: JSONValue] {
        var values: [KvKey: JSONValue] = [:]
        let fitting = Self.answerBytes / max(1, valueSize.bytes)
        try await forEach(keys.chunked(max(1, min(options.coalescing.maximumRows, fitting)))) { chunk in
            let found = try await self.withConnection { [batches = self.batches] connection in
                try await connection.onLoop { _, done in batches.get(chunk, on: connection, done) }
            }
            self.valueSize.update(found)
            return zip(chunk, found)
        } collect: { found in
            for (key, value) in found { values[key] = value }
        }
        return values
    }

    /// Stores many values. Of duplicate keys the last one wins.
    ///
    /// They are stored in batches of bounded size, each a transaction, a few at a time. If one fails, others may
    /// have been stored.
    ///
    /// - Parameters:
    ///   - entries: The keys and values.
    ///   - ttl: The time to live of each; nil: no expiry.
    /// - Throws: `KvError` as ``set(_:_:ttl:)`` does; for a key, ttl, or value that isn't JSON before anything is sent.
    public func set(entries: [KvEntry], ttl: Duration? = nil) async throws(KvError) {
        let life = try microseconds(ttl)
        for entry in entries { try check(entry.key) }
        let rows = try entries.map { entry throws(KvError) in
            SetRequest(key: entry.key, value: try ValidatedValue(entry.value), life: life)
        }.lastOfEachKey
        try await perform(.set, size: rows.count) {
            try await forEach(rows.chunked(options.coalescing.maximumRows)) { chunk in
                try await self.store(chunk)
            } collect: { _ in
            }
        }
        if ttl != nil, !rows.isEmpty { sweeper.wroteExpiring() }
    }

    /// Stores rows, in as many statements as it takes.
    private func store(_ rows: [SetRequest]) async throws {
        var rows = rows[...]
        while !rows.isEmpty {
            let stored = try await withConnection { [batches, rows] connection in
                try await batches.setFirst(of: rows, on: connection)
            }
            rows = rows.dropFirst(stored)
        }
    }

    /// Deletes many entries.
    ///
    /// - Throws: `KvError` as ``delete(_:)`` does, for any of the keys before anything is sent.
    public func delete(keys: [KvKey]) async throws(KvError) {
        for key in keys { try check(key) }
        _ = try await perform(.delete, size: keys.count) { try await delete(checked: keys) }
    }

    /// Deletes rows by their keys; returns how many existed.
    func delete(checked keys: [KvKey]) async throws -> Int {
        var deleted = 0
        try await forEach(keys.chunked(options.coalescing.maximumRows)) { chunk in
            try await self.withConnection { [batches = self.batches] connection in
                try await connection.onLoop { _, done in batches.delete(chunk, on: connection, done) }
            }
        } collect: { count in
            deleted += count
        }
        return deleted
    }

    /// The target size of an answer, in bytes.
    private static let answerBytes = 4 << 20
    /// The number of parts of a large operation that run at a time.
    private static let partsUnderWay = 4

    /// Runs the parts of a large operation, a few at a time.
    private func forEach<Part: Sendable, Answer: Sendable>(
        _ parts: some Sequence<Part>, _ body: @escaping @Sendable (Part) async throws -> Answer,
        collect: (Answer) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            var underway = 0
            for part in parts {
                if underway == options.coalescing.maximumConnections ?? Self.partsUnderWay {
                    if let answer = try await group.next() { collect(answer) }
                    underway -= 1
                }
                group.addTask { try await body(part) }
                underway += 1
            }
            for try await answer in group { collect(answer) }
        }
    }
}

extension [SetRequest] {
    /// The last row of each key, sorted by key, so that neighbors in the table are sent together.
    var lastOfEachKey: [SetRequest] {
        let order = map(\.key).order
        let last = zip(order, order.dropFirst()).filter { self[$0].key != self[$1].key }.map(\.0) + order.suffix(1)
        return last.map { self[$0] }
    }
}

extension BatchRunner {
    /// Stores the first rows, as many as fit into a statement; returns how many.
    func setFirst(
        of rows: ArraySlice<SetRequest>, atMost maximum: Int = .max, on connection: MySQLConnection
    ) async throws -> Int {
        let count = BatchSize.bucket(notAbove: min(rows.fitting(in: connection), maximum))
        let answers: Answers<Void> = try await connection.onLoop { _, done in
            set(Array(rows.prefix(count)), on: connection) { done(.success($0)) }
        }
        for answer in answers { try answer.get() }
        return count
    }
}

extension [SetRequest].SubSequence {
    /// How many of the first rows fit in a statement.
    fileprivate func fitting(in connection: MySQLConnection) -> Int {
        let limit = connection.handler.statementSize
        var size = ValidatedValue.packetOverhead
        let fitting = prefix { row in
            size += row.size
            return size <= limit
        }
        return Swift.max(1, fitting.count)
    }
}

extension Array {
    fileprivate func chunked(_ size: Int) -> some Sequence<[Element]> {
        stride(from: 0, to: count, by: size).lazy.map { start in Array(self[start..<Swift.min(start + size, count)]) }
    }
}
