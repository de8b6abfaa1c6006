import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient

struct Copy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies all entries below a prefix to another server, with their remaining TTLs.",
        discussion: """
            The destination is given by --to or, safer for its password, by the environment variable MYSQL_URL_TO. \
            Entries are stored in batches, each atomically; existing ones are overwritten. A copy is not a snapshot: \
            an entry that is added, removed or changed in the meantime may or may not be copied.

            With --checkpoint, the last copied key is recorded in a file, and an interrupted copy continues after it. \
            Without, it can be run again from the beginning.

            Examples:
              MYSQL_URL_TO='mysql://user:password@host/database' fedify-kv copy
              fedify-kv copy users --to 'mysql://user:password@host/database' --to-table users --checkpoint users.checkpoint
            """)

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The prefix's components, one argument each. Default: all entries.")
    var prefix: [String] = []

    @Option(help: "The destination server. Default: MYSQL_URL_TO.")
    var to: String?

    @Option(help: "The destination table. Default: the same name.")
    var toTable: String?

    @Option(help: "The --expiry-clock of the destination table.")
    var toExpiryClock: ExpiryClock?

    @Option(help: "The file that records the progress of the copy; it is removed at the end.")
    var checkpoint: String?

    func run() async throws {
        guard let url = to ?? ProcessInfo.processInfo.environment["MYSQL_URL_TO"], !url.isEmpty else {
            throw ValidationError("The destination server is missing. Pass --to, or set MYSQL_URL_TO.")
        }
        var target = store
        target.server.url = url
        target.table = toTable ?? store.table
        target.expiryClock = toExpiryClock
        let answer = try await store.withStore { [arguments = target] source in
            // Before the destination's table is created.
            try await source.requireTable()
            try await store.checkClock(of: source)
            return try await arguments.withStore(creatingTable: true) { target in
                try await arguments.checkClock(of: target, option: "--to-expiry-clock")
                guard try await Self.identity(of: source) != Self.identity(of: target) else {
                    throw ValidationError("This would copy the table onto itself. Choose another server or --to-table.")
                }
                try await target.createTable()
                return try await copy(from: source, to: target)
            }
        }
        Checkpoint.remove(checkpoint)
        try output.write(answer, answer.text("copied"))
    }

    private func copy(from source: MySQLKvStore, to target: MySQLKvStore) async throws -> TransferAnswer {
        let prefix = KvKey(prefix)
        var reached = try Checkpoint.read(
            checkpoint, work: "copy of \(prefix.serialized) from \(source.place) to \(target.place)")
        let last = reached.last.map { KvKey($0) }
        let progress = Progress(total: await Progress.total(of: source, prefix: prefix, after: last))
        defer { progress.finish() }
        var skipped = 0
        for try await page in source.records(prefix: prefix, after: last) {
            try await target.set(records: page.records)
            skipped += page.skipped
            if let last = page.records.last {
                reached.last = last.key.components()
                try reached.write(to: checkpoint)
            }
            progress.advance(by: page.records.count, entries: page.records.count)
        }
        return TransferAnswer(progress, skipped: skipped)
    }

    /// An identity of a server and a table, whatever host name a URL has.
    private static func identity(of kv: MySQLKvStore) async throws -> [String: String] {
        var identity = try await kv.pool.withConnection { connection in
            // MySQL has server_uuid, MariaDB since 10.6.19 server_uid.
            try await connection.globalVariables(["server_uuid", "server_uid", "hostname", "port", "datadir"])
        }
        identity["database"] = kv.pool.configuration.database
        identity["table"] = kv.options.tableName
        return identity
    }
}

extension MySQLConnection {
    /// The values of the server's global variables, of those that it has.
    func globalVariables(_ names: [String]) async throws -> [String: String] {
        let list = names.map { "'\($0)'" }.joined(separator: ",")
        var variables: [String: String] = [:]
        try await query("SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(list))", maximumRows: names.count) { row in
            if let name = row.text(0) { variables[name] = row.text(1) }
        }
        return variables
    }
}
