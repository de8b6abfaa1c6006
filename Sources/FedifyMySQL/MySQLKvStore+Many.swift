public import FedifyKv
import MySQLClient

extension MySQLKvStore {
    /// The most rows of one statement.
    static let rowsPerBatch = 256

    /// The values of many keys. A key that has none is not in the result.
    ///
    /// - Throws: ``KvError`` as ``get(_:)`` does, for any of the keys before anything is sent.
    public func get(keys: [KvKey]) async throws -> [KvKey: KvValue] {
        for key in keys { _ = try checked(key) }
        var values: [KvKey: KvValue] = [:]
        for batch in keys.map(\.serialized).batches() {
            let found = try await run { [statements] connection in
                var found: [(KvKey, KvValue)] = []
                try connection.query(
                    statements.get(keys: batch.count), batch.map(MySQLParameter.text), maximumRows: batch.count
                ) { row in
                    guard let key = row.text(0).flatMap(KvKey.init(serialized:)), let value = row.value(1) else {
                        return
                    }
                    found.append((key, value))
                }
                return found
            }
            for (key, value) in found { values[key] = value }
        }
        return values
    }

    /// Stores many values. Of a key that comes twice the last counts.
    ///
    /// They are stored in batches of bounded size, each a transaction. If one fails, those before it are stored.
    ///
    /// - Parameters:
    ///   - entries: The keys and values.
    ///   - ttl: How long each lives; nil: for ever.
    /// - Throws: ``KvError`` as ``set(_:_:ttl:)`` does; for a key, ttl, or value that isn't JSON before anything is sent.
    public func set(entries: [KvEntry], ttl: Duration? = nil) async throws {
        let life = try microseconds(ttl)
        let rows = try entries.map { entry in
            (entry.key, try checked(entry.key), try CheckedValue(entry.value))
        }
        var index = 0
        while index < rows.count {
            let start = index
            let stored = try await run { [statements, rows] connection in
                // As many as fit in a packet; their number is a power of two, so that the statements' texts are few.
                var size = CheckedValue.packetOverhead
                var count = 0
                for (key, _, value) in rows[start...].prefix(Self.rowsPerBatch) {
                    try value.check(for: connection, with: key)
                    size += key.serialized.utf8.count + value.document.byteCount + 64
                    if count > 0, size > min(connection.server.maximumPacketSize, Self.bytesPerBatch) { break }
                    count += 1
                }
                count = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
                try connection.query(
                    statements.set(rows: count),
                    rows[start..<start + count].flatMap { [$0.1, $0.2.parameter, life] })
                return count
            }
            index += stored
        }
        if ttl != nil, !rows.isEmpty { sweeper.wroteExpiring() }
    }

    /// Deletes many entries, those that are there.
    ///
    /// - Throws: ``KvError`` as ``delete(_:)`` does, for any of the keys before anything is sent.
    public func delete(keys: [KvKey]) async throws {
        for key in keys { _ = try checked(key) }
        _ = try await delete(texts: keys.map(\.serialized))
    }

    /// Deletes rows by their keys' texts.
    func delete(texts: [String]) async throws -> Int {
        var deleted = 0
        for batch in texts.batches() {
            deleted += try await run { [statements] connection in
                Int(try connection.query(statements.delete(keys: batch.count), batch.map(MySQLParameter.text)))
            }
        }
        return deleted
    }

    /// The bytes of keys and values that one statement should carry at the most.
    private static let bytesPerBatch = 4 << 20
}

extension [String] {
    /// Batches whose size is a power of two, the last filled up with its last element: few texts of statements serve
    /// any number of keys.
    fileprivate func batches() -> [[String]] {
        stride(from: 0, to: count, by: MySQLKvStore.rowsPerBatch).map { start in
            let batch = Array(self[start..<Swift.min(start + MySQLKvStore.rowsPerBatch, count)])
            var size = 1
            while size < batch.count { size *= 2 }
            return batch + repeatElement(batch[batch.count - 1], count: size - batch.count)
        }
    }
}
