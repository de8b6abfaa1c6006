import FedifyKv
import FedifyMySQL
import MySQLClient

extension MySQLKvStore {
    /// What is in the table, by the keys' first components.
    struct Statistics: Sendable {
        /// Rows of which keys begin with one component; expired ones that are still there count apart.
        struct Group: Sendable, Equatable {
            /// nil: rows whose key isn't one that this store would write, or all groups past the limit.
            var component: String?
            var entries = 0
            /// Of keys and values, as text.
            var bytes = 0
            /// Live entries by the life that is left: up to an hour, a day, a week, longer, for ever.
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
        /// What the groups leave out.
        var others = Group()
        var total = Group()
    }

    /// What the keys of all rows below a prefix begin with. The server reads two keys for it.
    ///
    /// - Returns: The prefix with the further components that all keys have in common; itself, if there are none.
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
        // One key is no group.
        guard ends.count == 2, ends[0] != ends[1] else { return prefix }
        // By their bytes: Swift takes composed and decomposed characters for the same.
        let common = zip(ends[0], ends[1]).prefix { $0.utf8.elementsEqual($1.utf8) }
        return KvKey(common.map(\.0))
    }

    /// Reads the whole table on the server, a bounded number of rows at a time, which takes its time. Rows that the server
    /// does not read within a deadline are asked for again, fewer of them and with a new deadline.
    ///
    /// - Parameters:
    ///   - prefix: Rows below it; empty for all.
    ///   - limit: How many groups there are at the most.
    ///   - progress: Told how many rows each page had.
    /// - Returns: The groups, what they leave out, and the sum.
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

    /// Adds groups up that come in the order of keys, in memory for the largest ones only.
    private struct Sum {
        let limit: Int
        private var largest: [Statistics.Group] = []
        private var others = Statistics.Group()
        /// The group that the next page may go on with.
        private var current: Statistics.Group?

        init(limit: Int) {
            self.limit = limit
        }

        mutating func add(_ group: Statistics.Group) {
            guard let component = group.component else { return others.add(group) }
            // By scalars: Swift takes composed and decomposed characters for the same.
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

/// A walk through the table, of as many rows at a time as the server reads quickly.
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
    /// As many as the server has not failed to read in time.
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
        rows = max(Self.leastRows, rows / 8)
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
    /// rows, live entries that end within an hour, a day, a week, later, and never; then how many rows there are, and
    /// the last key. In the order of keys. Binds ``KeyRange/canonicalKeyPattern`` before the bounds, and the most rows.
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

    /// The first and the last key of all rows, in one row. The server looks at both ends of the index only.
    fileprivate var ends: String { "SELECT MIN(`key`), MAX(`key`) FROM \(table) WHERE \(Self.isInRange)" }
}
