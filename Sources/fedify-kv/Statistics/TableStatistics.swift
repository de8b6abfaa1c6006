import FedifyKv
import FedifyMySQL
import MySQLClient

extension MySQLKvStore {
    /// Statistics of the table by the first components of keys.
    struct Statistics: Sendable {
        /// Rows whose keys begin with one component; expired ones are counted separately.
        struct Group: Sendable, Equatable {
            /// nil: rows whose key isn't one that this store would write, or all groups past the limit.
            var component: String?
            var entries = 0
            /// The size of keys and values as text.
            var bytes = 0
            /// Live entries by remaining ttl: up to an hour, a day, a week, longer, no expiry.
            var ends = [0, 0, 0, 0, 0]
            var expired = 0

            init() {}

            init(component: String?, entries: Int, bytes: Int, ends: [Int], expired: Int) {
                self.component = component
                self.entries = entries
                self.bytes = bytes
                self.ends = ends
                self.expired = expired
            }
        }

        /// The largest first.
        var groups: [Group] = []
        /// The rest.
        var others = Group()
        var total = Group()
    }

    /// The common prefix of all keys below a prefix. The server reads two keys for it.
    ///
    /// - Returns: The prefix with the further components that all keys have in common.
    /// - Throws: `KvError`.
    func commonPrefix(of prefix: KvKey) async throws -> KvKey {
        if !prefix.isEmpty { try check(prefix) }
        let range = KeyRange(prefix)
        let ends = try await perform(.list) {
            try await withConnection { [statements] connection in
                let rows = try await connection.rows(statements.ends, [.text(range.after), .text(range.through)]).rows
                return rows.first.map { [$0.text(0), $0.text(1)] } ?? []
            }
        }.compactMap { $0.flatMap { KvKey(serialized: $0)?.components() } }
        // A single key is not a group.
        guard ends.count == 2, ends[0] != ends[1] else { return prefix }
        // By their bytes: Swift compares composed and decomposed characters as equal.
        let common = zip(ends[0], ends[1]).prefix { $0.utf8.elementsEqual($1.utf8) }
        return KvKey(common.map(\.0))
    }

    /// Reads the whole table on the server, a bounded number of rows at a time, which may take long. If the server
    /// times out, fewer rows are requested with a new deadline.
    ///
    /// - Parameters:
    ///   - prefix: Rows below it; empty for all.
    ///   - limit: The maximum number of groups.
    ///   - progress: Called with the number of rows of each page.
    /// - Returns: The groups, the rest, and the total.
    /// - Throws: `KvError`.
    func statistics(
        prefix: KvKey, limit: Int, progress: (Int) -> Void
    ) async throws -> Statistics {
        var pages = StatisticsPages(range: KeyRange(prefix), component: prefix.components().count)
        var sum = Sum(limit: limit)
        while !pages.isAtEnd {
            let page: StatisticsPages.Page
            do {
                page = try await perform(.count) {
                    try await withConnection { [statements, pages] in try await pages.fetch(statements, on: $0) }
                }
            } catch {
                guard error.code == .deadlineExceeded, pages.canShrink else { throw error }
                pages.shrink()
                continue
            }
            for group in page.groups { sum.add(group) }
            progress(page.rows)
            pages.advance(past: page)
        }
        return sum.statistics()
    }

    /// Accumulates groups that arrive sorted by key, keeping only the largest in memory.
    private struct Sum {
        let limit: Int
        private var largest: [Statistics.Group] = []
        private var others = Statistics.Group()
        /// The group that the next page may continue.
        private var current: Statistics.Group?

        init(limit: Int) {
            self.limit = limit
        }

        mutating func add(_ group: Statistics.Group) {
            guard let component = group.component else { return others.add(group) }
            // By scalars: Swift compares composed and decomposed characters as equal.
            if let known = current?.component, known.utf8.elementsEqual(component.utf8) {
                current?.add(group)
            } else {
                finish()
                current = group
            }
        }

        private mutating func finish() {
            if let current { largest.append(current) }
            current = nil
            if largest.count >= 2 * limit + 1000 { keepLargest() }
        }

        private mutating func keepLargest() {
            largest.sort { $0.bytes > $1.bytes }
            for group in largest.dropFirst(limit) { others.add(group) }
            largest = Array(largest.prefix(limit))
        }

        mutating func statistics() -> Statistics {
            finish()
            keepLargest()
            var total = Statistics.Group()
            for group in largest + [others] { total.add(group) }
            return Statistics(groups: largest, others: others, total: total)
        }
    }
}

extension MySQLKvStore.Statistics.Group {
    /// Live and expired ones.
    var rows: Int { entries + expired }

    mutating func add(_ other: Self) {
        entries += other.entries
        bytes += other.bytes
        expired += other.expired
        ends = zip(ends, other.ends).map { $0 + $1 }
    }
}

/// An iteration over the table, with pages that the server reads quickly.
private struct StatisticsPages: Sendable {
    private static let maximumRows = 20_000
    private static let leastRows = 10
    private static let bytes = 32 << 20

    struct Page: Sendable {
        var groups: [MySQLKvStore.Statistics.Group] = []
        var rows = 0
        var bytes = 0
        var last = ""
    }

    var range: KeyRange
    let component: Int
    private(set) var isAtEnd = false
    private var rows = 1000
    /// The largest size that has not timed out.
    private var limit = maximumRows

    init(range: KeyRange, component: Int) {
        self.range = range
        self.component = component
    }

    func fetch(_ statements: Statements, on connection: MySQLConnection) async throws(MySQLError) -> Page {
        var page = Page()
        let found = try await connection.rows(
            statements.statistics(component: component),
            [.text(KeyRange.canonicalKeyPattern), .text(range.after), .text(range.through), .integer(Int64(rows))],
            maximumRows: rows)
        for row in found.rows {
            func number(_ column: Int) -> Int { Int(row.integer(column) ?? 0) }
            page.groups.append(
                MySQLKvStore.Statistics.Group(
                    component: row.text(0), entries: number(1), bytes: number(2), ends: (4...8).map { number($0) },
                    expired: number(3)))
            page.rows += number(9)
            page.bytes += number(2)
            page.last = row.text(10) ?? ""
        }
        return page
    }

    var canShrink: Bool { rows > Self.leastRows }

    mutating func shrink() {
        rows = rows.reducedAfterTimeout(least: Self.leastRows)
        limit = rows
    }

    mutating func advance(past page: Page) {
        isAtEnd = page.rows < rows
        range.after = page.last
        rows = max(Self.leastRows, min(Self.bytes / max(1, page.bytes / max(1, page.rows)), rows * 4, limit))
    }
}

extension Statements {
    /// A page of rows, by a component of their keys, the one with that index: live entries, bytes of all rows, expired
    /// rows, live entries that expire within an hour, a day, a week, later, and never; then the number of rows, and the
    /// last key. Sorted by key. Binds ``KeyRange/canonicalKeyPattern`` before the bounds, and the maximum number of
    /// rows.
    fileprivate func statistics(component: Int) -> String {
        func sum(_ number: String) -> String { "CAST(SUM(COALESCE(\(number), 0)) AS SIGNED)" }
        func ends(after hours: Int, within limit: Int?) -> String {
            let end = limit.map { " AND `expires` <= \(now) + INTERVAL \($0) HOUR" } ?? ""
            return sum("`expires` > \(now) + INTERVAL \(hours) HOUR" + end)
        }
        return """
            SELECT CASE WHEN `key` REGEXP ? THEN JSON_UNQUOTE(JSON_EXTRACT(`key`, '$[\(component)]')) END AS first, \
            \(sum(isLive)), \(sum("size")), \(sum(isExpired)), \(ends(after: 0, within: 1)), \
            \(ends(after: 1, within: 24)), \(ends(after: 24, within: 168)), \(ends(after: 168, within: nil)), \
            \(sum("`expires` IS NULL")), COUNT(*), MAX(`key`) \
            FROM (SELECT `key`, LENGTH(`key`) + LENGTH(`value`) AS size, `expires` FROM \(byKey) \
            WHERE \(Self.isInRange) ORDER BY `key` LIMIT ?) AS page GROUP BY first ORDER BY MAX(`key`)
            """
    }

    /// The first and the last key of all rows, in one row. The server reads only both ends of the index.
    fileprivate var ends: String { "SELECT MIN(`key`), MAX(`key`) FROM \(table) WHERE \(Self.isInRange)" }
}
