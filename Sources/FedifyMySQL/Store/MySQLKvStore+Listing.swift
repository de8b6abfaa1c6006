public import FedifyKv
import MySQLClient

extension MySQLKvStore {
    /// The entries below a prefix, page by page. See `KvStore.list(prefix:)`.
    ///
    /// While a page is consumed, only the next one is fetched. A row whose key isn't one that this store
    /// would write is skipped; at the end their number is logged.
    public func list(prefix: KvKey) -> KvEntries {
        KvEntries {
            let listing = Listing(self, prefix)
            return { try await listing.next() }
        }
    }

    /// The number of entries below a prefix, as ``list(prefix:)`` returns them, counted on the server.
    public func count(prefix: KvKey = []) async throws(KvError) -> Int {
        try await count(prefix: prefix, after: nil)
    }

    /// As ``count(prefix:)``, of the entries after a key.
    package func count(prefix: KvKey, after: KvKey?) async throws(KvError) -> Int {
        if !prefix.isEmpty { try check(prefix) }
        let range = KeyRange(prefix, after: after)
        return try await perform(.count) {
            try await withConnection { [statements] connection in
                let rows = try await connection.rows(
                    statements.count,
                    [.text(range.after), .text(range.through), .text(KeyRange.canonicalKeyPattern)]
                ).rows
                return Int(rows.first?.integer(0) ?? 0)
            }
        }
    }

    /// Deletes all entries below a prefix, in bounded batches: entries added in the meantime may stay.
    ///
    /// - Parameter prefix: The prefix; not empty. To delete everything, use ``dropTable()``.
    /// - Returns: The number of deleted rows, expired ones included.
    /// - Throws: `KvError`, `emptyKey` for an empty prefix.
    @discardableResult
    public func delete(prefix: KvKey) async throws(KvError) -> Int {
        try check(prefix)
        return try await perform(.deletePrefix) { try await deleteRows(KeyRange(prefix)) }
    }

    private func deleteRows(_ range: KeyRange) async throws -> Int {
        var range = range
        var deleted = 0
        let limit = options.coalescing.maximumRows
        while true {
            let keys = try await withConnection { [statements, range] connection in
                try await connection.rows(
                    statements.keys, [.text(range.after), .text(range.through), .integer(Int64(limit))],
                    maximumRows: limit
                ).rows.compactMap { $0.text(0) }
            }
            deleted += try await delete(checked: keys.compactMap { KvKey(serialized: $0) })
            guard keys.count == limit, let last = keys.last else { return deleted }
            range.after = last
        }
    }
}

/// An iteration over the pages of a prefix. Deallocating it cancels the work.
private final class Listing {
    private let store: MySQLKvStore
    private let prefix: KvKey
    private var pages: Pages
    /// The next page, being fetched.
    private var ahead: Task<Pages.Page, any Error>?

    init(_ store: MySQLKvStore, _ prefix: KvKey) {
        self.store = store
        self.prefix = prefix
        pages = Pages(range: KeyRange(prefix))
    }

    deinit {
        ahead?.cancel()
    }

    func next() async throws -> [KvEntry]? {
        guard !pages.isAtEnd else { return nil }
        if !prefix.isEmpty { try store.check(prefix) }
        let task = ahead ?? fetch()
        let page = try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
        pages.advance(past: page)
        ahead = pages.isAtEnd ? nil : fetch()
        if pages.isAtEnd, pages.skipped > 0 {
            store.log.log(.info, "rows with keys of other programs skipped", [\.count: "\(pages.skipped)"])
        }
        return page.entries
    }

    private func fetch() -> Task<Pages.Page, any Error> {
        Task { [store, pages] in try await pages.fetch(from: store) }
    }
}

/// The position of a listing, and the size of its next page.
struct Pages: Sendable {
    /// The limits of a page.
    struct Limit: Sendable {
        /// The maximum number of rows in a page.
        static let maximumRows = 1000

        /// Small at first, so that the first entry arrives quickly.
        var rows = 64
        /// A page ends with the row that exceeds them.
        var bytes = 1 << 20

        /// For a page that timed out.
        var smaller: Limit { Limit(rows: rows.reducedAfterTimeout(), bytes: bytes.reducedAfterTimeout()) }
    }

    struct Page: Sendable {
        var entries: [KvEntry] = []
        /// The remaining ttl of each entry in microseconds, and the server's time; nil: no expiry. Only if requested.
        var ends: [(left: Int64, now: Int64)?] = []
        /// The key of the last row that was read.
        var last: String?
        var rows = 0
        var bytes = 0
        var skipped = 0
        /// There are further rows, omitted because of their size.
        var isCut = false
        var isLast = false
        /// The limits of its request.
        var limit = Limit()
    }

    var range: KeyRange
    var isAtEnd = false
    var skipped = 0
    private var limit = Limit()

    private let withExpiry: Bool

    init(range: KeyRange, withExpiry: Bool = false) {
        self.range = range
        self.withExpiry = withExpiry
    }

    /// The next page. One that times out is requested again with fewer rows and bytes, and a new deadline.
    func fetch(from store: MySQLKvStore) async throws(KvError) -> Page {
        var limit = limit
        while true {
            do {
                return try await store.perform(.list) {
                    try await store.withConnection { [limit] in try await fetch(store.statements, limit, on: $0) }
                }
            } catch let error where error.code == .deadlineExceeded && limit.rows > 1 {
                limit = limit.smaller
            }
        }
    }

    private func fetch(_ statements: Statements, _ limit: Limit, on connection: MySQLConnection) async throws -> Page {
        var page = Page(limit: limit)
        let bounds = [MySQLParameter.text(range.after), .text(range.through)]
        var rows = limit.rows
        if rows > 1 {
            // The sizes of values vary, and rows beyond the limit should not be sent at all.
            let sizes = try await connection.rows(
                statements.pageSizes, bounds + [.integer(Int64(rows))], maximumRows: rows
            ).rows
            var bytes = 0
            let fitting = sizes.prefix { size in
                defer { bytes += Int(size.integer(0) ?? 0) }
                return bytes < limit.bytes
            }
            page.isCut = fitting.count < sizes.count
            // If all fit, request the full number: a row that is added now must not displace the last one.
            if page.isCut { rows = fitting.count }
        }
        let found = try await connection.rows(
            withExpiry ? statements.pageWithExpiry : statements.page, bounds + [.integer(Int64(rows))],
            maximumRows: rows, maximumBytes: limit.bytes)
        page.isCut = page.isCut || found.isCut
        page.isLast = !page.isCut && found.rows.count < rows
        for row in found.rows {
            guard let text = row.text(0) else { continue }
            page.rows += 1
            page.bytes += row.size(0) + row.size(1)
            page.last = text
            guard let key = KvKey(serialized: text), let value = row.value(1) else {
                page.skipped += 1
                continue
            }
            page.entries.append(KvEntry(key: key, value: value))
            guard withExpiry else { continue }
            page.ends.append(row.integer(2).map { ($0, row.integer(3) ?? 0) })
        }
        return page
    }

    mutating func advance(past page: Page) {
        skipped += page.skipped
        isAtEnd = page.isLast
        if let last = page.last { range.after = last }
        // A connection that was too slow for a page remains slow.
        limit = page.limit
        if page.rows > 0 {
            let fitting = limit.bytes / max(1, page.bytes / page.rows)
            limit.rows = max(1, min(fitting, page.isCut ? page.rows : limit.rows * 4, Limit.maximumRows))
        }
    }
}
