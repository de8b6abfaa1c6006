package import FedifyKv
import MySQLClient

extension MySQLKvStore {
    /// What is in the table, by the keys' first components.
    package struct Statistics: Sendable {
        /// Rows of which keys begin with one component; expired ones that are still there count apart.
        package struct Group: Sendable, Equatable {
            /// nil: rows whose key isn't one that this store would write, or all groups past the limit.
            package var component: String?
            package var entries = 0
            /// Of keys and values, as text.
            package var bytes = 0
            /// Live entries by the life that is left: up to an hour, a day, a week, longer, for ever.
            package var ends = [0, 0, 0, 0, 0]
            package var expired = 0
        }

        /// The largest first.
        package var groups: [Group] = []
        /// What the groups leave out.
        package var others = Group()
        package var total = Group()
    }

    /// Reads the whole table on the server, which takes its time.
    ///
    /// - Parameters:
    ///   - prefix: Rows below it; empty for all.
    ///   - limit: How many groups there are at the most.
    /// - Returns: The groups, what they leave out, and the sum.
    /// - Throws: ``KvError``.
    package func statistics(prefix: KvKey = [], limit: Int) async throws -> Statistics {
        let range = KeyRange(prefix)
        return try await perform(.count) {
            try await run { [statements] connection in
                var statistics = Statistics()
                try connection.query(
                    statements.statistics(component: prefix.components.count),
                    [.text(range.after), .text(range.through)], maximumRows: .max
                ) { row in
                    func number(_ column: Int) -> Int { Int(row.integer(column) ?? 0) }
                    let group = Statistics.Group(
                        component: row.text(0), entries: number(1), bytes: number(2),
                        ends: (4...8).map { number($0) }, expired: number(3))
                    statistics.total.add(group)
                    if statistics.groups.count < limit, group.component != nil {
                        statistics.groups.append(group)
                    } else {
                        statistics.others.add(group)
                    }
                }
                return statistics
            }
        }
    }
}

extension MySQLKvStore.Statistics.Group {
    mutating func add(_ other: Self) {
        entries += other.entries
        bytes += other.bytes
        expired += other.expired
        ends = zip(ends, other.ends).map { $0 + $1 }
    }
}
