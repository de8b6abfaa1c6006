import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL
import MySQLClient

struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows entries, bytes and expiry by the keys' first components.",
        discussion: """
            The server reads the whole table, some thousand rows at a time. Entries below a prefix are grouped by \
            their next component. Where nearly all are below one component, as all of Fedify's own are below _fedify, \
            they are grouped by the components after that; the lines show the path. Expired rows that still exist are \
            counted as expired only.

            Examples:
              fedify-kv stats
              fedify-kv stats users --limit 50
              fedify-kv stats --json
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each. Default: all entries.")
    var prefix: [String] = []

    @Option(help: "The maximum number of lines; the rest is summed up.")
    var limit = 20

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
    }

    private struct Line: Encodable {
        let component: String?
        /// The whole common prefix of the keys.
        let path: [String]?
        let entries: Int
        let bytes: Int
        let expired: Int
        let ends: [String: Int]

        init(_ group: MySQLKvStore.Statistics.Group, path: [String]? = nil) {
            component = path?.last
            self.path = path
            entries = group.entries
            bytes = group.bytes
            expired = group.expired
            ends = Dictionary(uniqueKeysWithValues: zip(Stats.ends, group.ends))
        }
    }

    private struct Answer: Encodable {
        let groups: [Line]
        let others: Line
        let total: Line
    }

    private static let ends = ["hour", "day", "week", "later", "never"]

    func run() async throws {
        let breakdown = try await store.withStore { kv in
            let progress = Progress(total: nil)
            defer { progress.finish() }
            return try await Breakdown(of: kv, prefix: KvKey(prefix), limit: limit) { rows in
                progress.advance(by: rows, entries: rows)
            }
        }
        try output.write(
            Answer(
                groups: breakdown.lines.map { Line($0.group, path: $0.path) }, others: Line(breakdown.others),
                total: Line(breakdown.total)),
            text(breakdown))
    }

    private func text(_ breakdown: Breakdown) -> String {
        let width = 24
        let largest = max(1, breakdown.lines.first?.group.bytes ?? 1)
        func row(_ name: String, _ group: MySQLKvStore.Statistics.Group, bar: Bool) -> [String] {
            let length = bar ? (group.bytes * width + largest - 1) / largest : 0
            return [name, "\(group.entries)", Self.size(group.bytes)] + group.ends.map { "\($0)" }
                + ["\(group.expired)", Terminal.coloured(String(repeating: "█", count: length), .green)]
        }
        var rows = [["", "entries", "bytes", "≤ 1 h", "≤ 1 day", "≤ 1 week", "later", "never", "expired", ""]]
        rows += breakdown.lines.map { line in
            let path = line.path.dropFirst(prefix.count).map { $0.escaped(limit: 40) }
            return row(path.joined(separator: " / "), line.group, bar: true)
        }
        if breakdown.others.rows > 0 { rows.append(row("(others)", breakdown.others, bar: false)) }
        rows.append(row("(total)", breakdown.total, bar: false))
        return TextTable(rows).text
    }

    /// A size in bytes, KiB and so on.
    private static func size(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < 4 {
            value /= 1024
            unit += 1
        }
        let tenths = unit == 0 ? "\(bytes)" : "\((value * 10).rounded() / 10)"
        return tenths + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit]
    }
}
