import ArgumentParser
import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient

struct Copy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies all entries below a prefix to another server, with what is left of their lives.",
        discussion: """
            The other server is named by --to or, safer for its password, by the environment variable MYSQL_URL_TO. \
            Entries are stored in batches, each whole or not at all; what is there is overwritten. A copy that was \
            interrupted can be run again.

            Examples:
              MYSQL_URL_TO='mysql://…' fedify-kv copy
              fedify-kv copy users --to 'mysql://…' --to-table users
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each; all entries, if left out.")
    var prefix: [String] = []

    @Option(help: "The server to copy to. MYSQL_URL_TO, if left out.")
    var to: String?

    @Option(help: "The table to copy to; that of the same name, if left out.")
    var toTable: String?

    private struct Answer: Encodable {
        let entries: Int
        let seconds: Double
    }

    func run() async throws {
        guard let url = to ?? ProcessInfo.processInfo.environment["MYSQL_URL_TO"], !url.isEmpty else {
            throw ValidationError("No server to copy to is named. Give --to, or set MYSQL_URL_TO.")
        }
        var options = MySQLKvStoreOptions()
        options.tableName = toTable ?? store.table
        options.upkeep.isAutomatic = false
        let target = try MySQLKvStore(MySQLPool(url: url), options: options)
        let prefix = KvKey(prefix)
        let (entries, elapsed) = try await store.withStore { kv in
            try await target.initialize()
            let total = Terminal.errorsAreSeen ? try await kv.count(prefix: prefix) : nil
            let progress = Progress(total: total)
            defer { progress.finish() }
            for try await page in kv.records(prefix: prefix) {
                for start in stride(from: 0, to: page.count, by: 128) {
                    try await target.set(records: Array(page[start..<min(start + 128, page.count)]))
                }
                progress.advance(by: page.count, entries: page.count)
            }
            return (progress.entries, progress.elapsed)
        }
        await target.pool.close()
        try output.write(Answer(entries: entries, seconds: elapsed / .seconds(1)), "\(entries) entries copied")
    }
}
