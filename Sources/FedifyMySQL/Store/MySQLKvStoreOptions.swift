public import FedifyKv

/// The options of a ``MySQLKvStore``.
public struct MySQLKvStoreOptions: Sendable {
    /// The server's clock that expiry dates refer to. The client's clock and time zone never matter.
    public enum ExpiryClock: Sendable {
        /// Coordinated Universal Time: no daylight saving, the same on every server.
        case utc
        /// The time zone of the session, as Fedify's TypeScript store does. For a table shared with it on a server
        /// whose time zone isn't UTC; both programs' sessions must then have the same time zone.
        case sessionTimeZone
    }

    /// The removal of expired rows. Expired entries are absent either way; this only frees their space.
    public struct Upkeep: Sendable {
        /// Whether writes with a ttl start a sweep from time to time in the background, without ``MySQLKvStore/run()``.
        public var isAutomatic = true
        /// The minimum time between two sweeps of one process.
        public var interval: Duration = .seconds(60)
        /// The number of rows that one statement removes. After each, the sweeper sleeps as long as it took. Larger
        /// batches remove rows faster and delay concurrent writers longer.
        public var batchSize = 128

        /// Automatic, every minute, in batches of 128.
        public init() {}
    }

    /// The table's name: a letter or underscore, then letters, digits and underscores, at most 50 characters (the
    /// index's name is 12 longer, and the server's limit is 64).
    public var tableName = "fedify_kv"
    /// The clock of expiry dates.
    public var expiryClock = ExpiryClock.utc
    /// How typed values are encoded and decoded.
    public var coding = KvCoding.default
    /// The removal of expired rows.
    public var upkeep = Upkeep()
    /// How concurrent operations share statements.
    public var coalescing = Coalescing()
    /// Whether an operation creates the table if it doesn't exist. The tool's commands that only read don't.
    package var createsTable = true

    /// The table `fedify_kv`, expiry in UTC, automatic upkeep, coalescing.
    public init() {}

    /// - Throws: `KvError` `invalidConfiguration`.
    func validate() throws(KvError) {
        if let reason = TableName.rule(broken: tableName, limit: 50, "idx_<table>_expires") {
            throw KvError(.invalidConfiguration, reason)
        }
        guard upkeep.interval > .zero, (1...10_000).contains(upkeep.batchSize) else {
            throw KvError(
                .invalidConfiguration, "the upkeep's interval must be more than zero, its batch from 1 to 10000 rows")
        }
        guard (1...1000).contains(coalescing.maximumRows), (1...1000).contains(coalescing.maximumConnections ?? 1)
        else {
            throw KvError(
                .invalidConfiguration,
                "coalescing needs from 1 to 1000 operations a statement, and from 1 to 1000 connections")
        }
    }
}

extension MySQLKvStoreOptions {
    /// Coalescing: concurrent operations are sent in one statement.
    ///
    /// A statement is sent as soon as a connection is free, with the operations that are queued by then: requests are
    /// never delayed to fill a batch. Every operation is answered after its own commit, and fails individually.
    public struct Coalescing: Sendable {
        /// Whether `get`, `set`, `delete` and `cas` are coalesced.
        public var isEnabled = true
        /// The maximum number of operations in a statement.
        public var maximumRows = 128
        /// The maximum number of connections that coalesced statements of one kind use at a time; nil: all of the
        /// pool's. The number follows the measured round trip to the server. See <doc:Batching>.
        public var maximumConnections: Int?

        /// Up to 128 operations a statement, over as many connections as the round trip justifies.
        public init() {}
    }
}
