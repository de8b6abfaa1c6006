import FedifyKv
import FedifyMySQL

/// Entries grouped by key prefix, as deep as is informative.
struct Breakdown {
    typealias Group = MySQLKvStore.Statistics.Group

    struct Line {
        /// The common prefix of the keys.
        let path: [String]
        let group: Group
    }

    /// The largest first.
    private(set) var lines: [Line]
    /// The rest.
    private(set) var others: Group

    /// How many times a group that contains nearly everything is divided again.
    private static let depth = 4

    /// Asks the server.
    ///
    /// - Parameters:
    ///   - kv: The store.
    ///   - prefix: Rows below it; empty for all.
    ///   - limit: The maximum number of lines.
    ///   - progress: Called with the number of rows that were read.
    /// - Throws: `KvError`.
    init(of kv: MySQLKvStore, prefix: KvKey, limit: Int, progress: (Int) -> Void) async throws {
        // Finding the common prefix takes two keys, not a scan of the table.
        let common = (try? await kv.commonPrefix(of: prefix)) ?? prefix
        let statistics = try await kv.statistics(prefix: common, limit: limit, progress: progress)
        others = statistics.others
        lines = statistics.groups.map { Line(path: common.components() + [$0.component ?? ""], group: $0) }
        guard common == prefix || Self.tells(statistics) else {
            // One line for all of them.
            lines = [Line(path: common.components(), group: statistics.total)]
            others = Group()
            return
        }
        // Going deeper is optional: if it fails, use the result so far.
        for _ in 0..<Self.depth {
            guard let index = lines.firstIndex(where: { $0.group.rows * 10 >= total.rows * 9 && $0.group.rows > 1 }),
                let below = try? await kv.commonPrefix(of: KvKey(lines[index].path)),
                let parts = try? await kv.statistics(prefix: below, limit: limit, progress: progress),
                Self.tells(parts)
            else { break }
            divide(index, into: parts, below: below, limit: limit)
        }
    }

    var total: Group {
        lines.reduce(into: others) { $0.add($1.group) }
    }

    /// Groups of one row each would just be a listing.
    private static func tells(_ statistics: MySQLKvStore.Statistics) -> Bool {
        statistics.groups.count > 1 && statistics.groups.contains { $0.rows > 1 }
    }

    private mutating func divide(_ index: Int, into parts: MySQLKvStore.Statistics, below: KvKey, limit: Int) {
        lines.remove(at: index)
        lines += parts.groups.map { Line(path: below.components() + [$0.component ?? ""], group: $0) }
        lines.sort { $0.group.bytes > $1.group.bytes }
        others.add(parts.others)
        for line in lines.dropFirst(limit) { others.add(line.group) }
        lines = Array(lines.prefix(limit))
    }
}
