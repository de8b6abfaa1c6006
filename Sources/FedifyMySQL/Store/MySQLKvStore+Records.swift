package import FedifyKv
package import MySQLClient

extension MySQLKvStore {
    /// An entry with its expiry, for transfer to another server.
    package struct Record: Sendable {
        package let key: KvKey
        package let value: JSONValue
        /// The remaining ttl by the server's clock when it was read; nil: it never expires.
        package let ttl: Duration?
        /// When it expires, in microseconds since 1970 in UTC, by the server's clock.
        package let expires: Int64?

        package init(key: KvKey, value: JSONValue, ttl: Duration?, expires: Int64? = nil) {
            self.key = key
            self.value = value
            self.ttl = ttl
            self.expires = expires
        }
    }

    /// A page of records.
    package struct RecordPage: Sendable {
        package let records: [Record]
        /// Rows whose key isn't one that this store would write.
        package let skipped: Int
    }

    /// The live entries below a prefix with their expiry, page by page, sorted by key.
    ///
    /// - Parameters:
    ///   - prefix: The prefix; empty for all.
    ///   - after: The key to continue after.
    /// - Returns: Pages of at most a thousand entries or about a megabyte.
    package func records(prefix: KvKey, after: KvKey? = nil) -> AsyncThrowingStream<RecordPage, any Error> {
        let walk = Walk(self, Pages(range: KeyRange(prefix, after: after), withExpiry: true))
        return AsyncThrowingStream { try await walk.next() }
    }

    /// Stores entries atomically. An entry with a ttl lives for that long; one with only an expiry expires then.
    package func set(records: [Record]) async throws(KvError) {
        let rows = try records.map { record throws(KvError) in
            try check(record.key)
            return (record, try ValidatedValue(record.value), try microseconds(record.ttl))
        }
        try await perform(.set, size: rows.count) {
            try await withConnection { [batches, options] connection in
                let now = try await Self.time(of: connection)
                let requests = rows.map { record, value, life in
                    let left = record.ttl == nil ? record.expires.map { MySQLParameter.integer(max(0, $0 - now)) } : nil
                    return SetRequest(key: record.key, value: value, life: left ?? life)
                }.lastOfEachKey
                try await connection.transaction {
                    var rest = requests[...]
                    while !rest.isEmpty {
                        let stored = try await batches.setFirst(
                            of: rest, atMost: options.coalescing.maximumRows, on: connection)
                        rest = rest.dropFirst(stored)
                    }
                }
            }
        }
    }

    /// The server's time, in microseconds since 1970 in UTC.
    package func serverTime() async throws -> Int64 {
        try await withConnection(createsTable: false) { try await Self.time(of: $0) }
    }

    /// The time of a connection's server, in microseconds since 1970 in UTC.
    package static func time(of connection: MySQLConnection) async throws(MySQLError) -> Int64 {
        try await connection.rows(Statements.serverTime).rows.first?.integer(0) ?? 0
    }
}

/// An iteration over pages of records.
private actor Walk {
    private let store: MySQLKvStore
    private var pages: Pages

    init(_ store: MySQLKvStore, _ pages: Pages) {
        self.store = store
        self.pages = pages
    }

    func next() async throws -> MySQLKvStore.RecordPage? {
        guard !pages.isAtEnd else { return nil }
        let page = try await pages.fetch(from: store)
        pages.advance(past: page)
        let records = zip(page.entries, page.ends).map { entry, end in
            MySQLKvStore.Record(
                key: entry.key, value: entry.value, ttl: end.map { .microseconds($0.left) },
                expires: end.map { $0.now + $0.left })
        }
        return MySQLKvStore.RecordPage(records: records, skipped: page.skipped)
    }
}
