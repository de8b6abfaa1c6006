import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL
import Foundation
import MySQLClient

/// Which server.
struct ServerArguments: ParsableArguments {
    @Option(help: "The server: mysql://user:password@host/database. MYSQL_URL, if left out.")
    var url: String?

    func configuration() throws -> MySQLConfiguration {
        guard let url = url ?? ProcessInfo.processInfo.environment["MYSQL_URL"], !url.isEmpty else {
            throw ValidationError("No server is named. Give --url, or set MYSQL_URL.")
        }
        return try MySQLConfiguration(url: url)
    }
}

/// Which store: the server and the table.
struct StoreArguments: ParsableArguments {
    @OptionGroup var server: ServerArguments

    @Option(help: "The table's name.")
    var table = "fedify_kv"

    /// Opens the store for a command, and closes its connections behind it.
    ///
    /// - Parameter body: What to do.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws; ``MySQLError`` or ``KvError`` `invalidConfiguration`.
    func withStore<T>(_ body: (MySQLKvStore) async throws -> T) async throws -> T {
        let kv = try open()
        do {
            let result = try await body(kv)
            await kv.pool.close()
            return result
        } catch {
            await kv.pool.close()
            throw error
        }
    }

    private func open() throws -> MySQLKvStore {
        let configuration = try server.configuration()
        var options = MySQLKvStoreOptions()
        options.tableName = table
        // What this tool does is what it was asked for; `sweep` sweeps.
        options.upkeep.isAutomatic = false
        return try MySQLKvStore(MySQLPool(configuration), options: options)
    }
}

/// The key's components.
struct KeyArguments: ParsableArguments {
    @Argument(help: "The key's components, one argument each.")
    var key: [String]

    var kvKey: KvKey { KvKey(key) }
}

/// A time to live.
struct TTLArguments: ParsableArguments {
    @Option(help: "How long the entry lives, in seconds, fractions allowed; for ever, if left out.")
    var ttl: Double?

    func duration() throws -> Duration? {
        try ttl.map { try Duration(ttlSeconds: $0) }
    }
}

extension MySQLKvStore {
    /// The server, database and table, as they were named.
    var place: String {
        let server = pool.configuration.addresses.map(\.description).joined(separator: ",")
        return "\(server)/\(pool.configuration.database) \(options.tableName)"
    }
}
