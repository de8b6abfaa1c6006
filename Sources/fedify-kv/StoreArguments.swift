import ArgumentParser
import CommandLineSupport
import FedifyKv
import FedifyKvPipe
import FedifyMySQL
import Foundation
import MySQLClient

/// Which store: the server and the table.
struct StoreArguments: ParsableArguments {
    @OptionGroup var server: ServerArguments

    @Option(help: "The table's name.")
    var table = "fedify_kv"

    @Option(
        help: """
            How the expiry dates in the table are meant: \(ExpiryClock.utc.rawValue), in UTC, if this store wrote them \
            (the default); or \(ExpiryClock.sessionTimeZone.rawValue), in the time zone of the server's sessions, if \
            Fedify's TypeScript store did. The same where the server's time zone is UTC.
            """)
    var expiryClock: ExpiryClock?

    /// Opens the store for a command, and closes its connections afterwards.
    ///
    /// - Parameters:
    ///   - createsTable: Whether the command writes entries, and so creates the table if it doesn't exist. Any other
    ///     command must not change a database that a wrong URL or `--table` may have led to.
    ///   - body: The work.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws; ``MySQLError`` or ``KvError`` `invalidConfiguration`.
    func withStore<T>(
        creatingTable createsTable: Bool = false, _ body: (MySQLKvStore) async throws -> T
    ) async throws -> T {
        let kv = try open(createsTable: createsTable)
        do {
            let result = try await body(kv)
            await kv.pool.close()
            return result
        } catch {
            let error = await kv.explained(error)
            await kv.pool.close()
            throw error
        }
    }

    /// Refuses to guess the clock of the rows, for commands that with the wrong one would delete entries or change
    /// their expiry.
    ///
    /// - Parameters:
    ///   - kv: The store that ``withStore(_:)`` has opened.
    ///   - option: The option for the clock.
    /// - Throws: `ValidationError` if the session's time zone isn't always UTC, and no clock is given; ``MySQLError``.
    func checkClock(of kv: MySQLKvStore, option: String = "--expiry-clock") async throws {
        guard expiryClock == nil else { return }
        let clock = try await kv.pool.withConnection { try await SessionClock(of: $0) }
        guard !clock.isAlwaysUTC else { return }
        throw ValidationError(
            """
            The time zone of sessions on \(kv.place) is \(clock.text), and no \(option) is given. This store keeps \
            expiry dates in UTC by default, Fedify's TypeScript store in the session's time zone; with the wrong \
            clock, live entries would be deleted, omitted, or get another expiry. Pass \(option) utc if this store \
            wrote the rows, or \(option) session-time-zone if the TypeScript store did. `fedify-kv doctor` shows what \
            the rows indicate.
            """)
    }

    private func open(createsTable: Bool) throws -> MySQLKvStore {
        let configuration = try server.configuration()
        var options = MySQLKvStoreOptions()
        options.tableName = table
        options.expiryClock = (expiryClock ?? .utc).option
        options.createsTable = createsTable
        // No automatic upkeep: the tool does only what it is asked for.
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
    @Option(parsing: .unconditional, help: "The time to live in seconds, fractions allowed. Default: no expiry.")
    var ttl: Double?

    func duration() throws -> Duration? {
        try ttl.map { try Duration(ttlSeconds: $0) }
    }
}

extension MySQLKvStore {
    /// The server, database and table, as given.
    var place: String {
        let server = pool.configuration.addresses.map(\.description).joined(separator: ",")
        return "\(server)/\(pool.configuration.database) \(options.tableName)"
    }

    /// Throws if the table doesn't exist, for commands that would do something else first.
    func requireTable() async throws {
        guard try await tableExists() else { throw missingTable() }
    }

    /// An error in terms of the command: a missing table instead of the server's message.
    fileprivate func explained(_ error: any Error) async -> any Error {
        let cause = ((error as? KvError)?.underlyingError ?? error) as? MySQLError
        // A trigger can refer to another table that doesn't exist.
        guard cause?.serverCode == ServerErrorCode.noSuchTable, (try? await tableExists()) == false else {
            return error
        }
        return missingTable(cause)
    }

    private func missingTable(_ cause: MySQLError? = nil) -> KvError {
        KvError(
            .serverError,
            "the table `\(options.tableName)` doesn't exist in this database; `fedify-kv init` creates it",
            underlyingError: cause)
    }
}
