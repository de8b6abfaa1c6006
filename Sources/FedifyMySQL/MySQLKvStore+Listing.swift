public import FedifyKv
import Logging
import MySQLClient

extension MySQLKvStore {
    /// The entries below a prefix, page by page. See ``KvStore/list(prefix:)``.
    ///
    /// A row whose key isn't one that this store would write is skipped; at the end their number is logged.
    public func list(prefix: KvKey) -> KvEntries {
        KvEntries {
            var pages = Pages(range: KeyRange(prefix))
            return {
                guard !pages.isAtEnd else { return nil }
                if !prefix.components.isEmpty { _ = try self.checked(prefix) }
                let page = try await self.fetch(pages)
                pages.advance(past: page)
                if pages.isAtEnd, pages.skipped > 0 {
                    self.logger?.info("rows with foreign keys skipped", metadata: ["count": "\(pages.skipped)"])
                }
                return page.entries
            }
        }
    }

    private func fetch(_ pages: Pages) async throws -> Pages.Page {
        try await run { [statements] connection in try pages.fetch(statements, on: connection) }
    }

    /// How many entries are below a prefix: as many as ``list(prefix:)`` yields. The server counts.
    public func count(prefix: KvKey = []) async throws -> Int {
        if !prefix.components.isEmpty { _ = try checked(prefix) }
        let range = KeyRange(prefix)
        return try await run { [statements] connection in
            var count = 0
            try connection.query(
                statements.count,
                [.text(range.after), .text(range.through), .text(KeyRange.canonicalKeyPattern)]
            ) { count = Int($0.integer(0) ?? 0) }
            return count
        }
    }

    /// Deletes all entries below a prefix, in bounded batches: entries that come meanwhile may stay.
    ///
    /// - Parameter prefix: The prefix; it must have a component. To delete everything, ``drop()``.
    /// - Returns: How many rows were deleted, expired ones included.
    /// - Throws: ``KvError``, `emptyKey` for an empty prefix.
    @discardableResult
    public func delete(prefix: KvKey) async throws -> Int {
        _ = try checked(prefix)
        var range = KeyRange(prefix)
        var deleted = 0
        let limit = Self.rowsPerBatch
        while true {
            let keys = try await run { [statements, range] connection in
                var keys: [String] = []
                try connection.query(
                    statements.keys, [.text(range.after), .text(range.through), .integer(Int64(limit))],
                    maximumRows: limit
                ) { row in
                    if let key = row.text(0) { keys.append(key) }
                }
                return keys
            }
            let own = keys.filter { KvKey(serialized: $0) != nil }
            deleted += try await delete(texts: own)
            guard keys.count == limit, let last = keys.last else { return deleted }
            range.after = last
        }
    }
}

/// Where a listing is, and how large its next page should be.
private struct Pages: Sendable {
    /// The most rows of a page.
    private static let maximumRows = 1000
    /// The bytes a page should have at the most. A page ends behind the row that goes past them.
    private static let bytes = 1 << 20

    struct Page: Sendable {
        var entries: [KvEntry] = []
        /// The key of the last row that was looked at.
        var last: String?
        var rows = 0
        var bytes = 0
        var skipped = 0
        /// There were further rows, dropped for their size.
        var isCut = false
    }

    var range: KeyRange
    var isAtEnd = false
    var skipped = 0
    /// Small at first, for a first entry at once.
    private var rows = 64

    init(range: KeyRange) {
        self.range = range
    }

    func fetch(_ statements: Statements, on connection: MySQLConnection) throws -> Page {
        var page = Page()
        try connection.query(
            statements.page, [.text(range.after), .text(range.through), .integer(Int64(rows))], maximumRows: rows
        ) { row in
            // Rows past the budget are read off the connection one by one, and let go.
            page.isCut = page.isCut || page.bytes >= Self.bytes
            guard !page.isCut, let text = row.text(0) else { return }
            page.rows += 1
            page.bytes += row.size(0) + row.size(1)
            page.last = text
            guard let key = KvKey(serialized: text), let value = row.value(1) else {
                page.skipped += 1
                return
            }
            page.entries.append(KvEntry(key: key, value: value))
        }
        return page
    }

    mutating func advance(past page: Page) {
        skipped += page.skipped
        isAtEnd = !page.isCut && page.rows < rows
        if let last = page.last { range.after = last }
        if page.rows > 0 {
            let fitting = Self.bytes / max(1, page.bytes / page.rows)
            rows = max(1, min(fitting, page.isCut ? page.rows : rows * 4, Self.maximumRows))
        }
    }
}
