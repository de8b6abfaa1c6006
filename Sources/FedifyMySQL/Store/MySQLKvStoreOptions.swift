public import FedifyKv

/// How a ``MySQLKvStore`` keeps its entries.
public struct MySQLKvStoreOptions: Sendable {
    /// Which of the server's clocks expiry dates are kept in. Whatever it is, the client's clock and time zone don't
    /// matter.
    public enum ExpiryClock: Sendable {
        /// Coordinated Universal Time: no daylight saving, the same on every server.
        case utc
        /// The time zone of the session, as Fedify's TypeScript store does. For a table shared with it on a server
        /// whose time zone isn't UTC; both programs' sessions must then have the same time zone.
        case sessionTimeZone
    }

    /// The removal of expired rows. Expired entries are absent either way; this only frees their space.
    public struct Upkeep: Sendable {
        /// Whether writes with a ttl start a sweep now and then, in the background, without ``MySQLKvStore/run()``.
        public var isAutomatic = true
        /// The least time between two sweeps of one process.
        public var interval: Duration = .seconds(60)
        /// How many rows one statement removes. Between two of them the sweeper rests as long as one took. More rows
        /// are removed faster, and keep those who write meanwhile waiting for longer.
        public var batchSize = 128

        /// Automatic, every minute, in batches of 128.
        public init() {}
    }

    /// The table's name: a letter or underscore, then letters, digits and underscores, 50 characters at the most (the
    /// index's name is longer by 12, and the server's limit is 64).
    public var tableName = "fedify_kv"
    /// The clock of expiry dates.
    public var expiryClock = ExpiryClock.utc
    /// How typed values are encoded and decoded.
    public var coding = KvCoding.default
    /// The removal of expired rows.
    public var upkeep = Upkeep()
    /// The sending of concurrent operations in one statement.
    public var coalescing = Coalescing()

    /// The table `fedify_kv`, expiry in UTC, automatic upkeep, coalescing.
    public init() {}

    /// - Throws: `KvError` `invalidConfiguration`.
    func validate() throws(KvError) {
        let name = tableName.utf8
        let isLetter = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let first = name.first, isLetter(first), name.allSatisfy({ isLetter($0) || isDigit($0) }) else {
            throw KvError(
                .invalidConfiguration,
                "a table name begins with a letter or underscore and has only letters, digits and underscores")
        }
        guard name.count <= 50 else {
            throw KvError(
                .invalidConfiguration,
                "the table name has \(name.count) characters; 50 is the limit, as the index idx_<table>_expires must "
                    + "stay within the server's 64")
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
    /// Coalescing: operations that are called at the same time travel in one statement.
    ///
    /// A statement goes out as soon as a connection is free, with what waits by then: nobody waits for company. Every
    /// operation is answered after its own commit, and fails alone.
    public struct Coalescing: Sendable {
        /// Whether `get`, `set`, `delete` and `cas` are coalesced.
        public var isEnabled = true
        /// The most operations of one statement.
        public var maximumRows = 128
        /// The most connections that coalesced statements of one kind are sent over at a time; nil: all of the pool's.
        /// How many are used follows the measured round trip to the server. See <doc:Batching>.
        public var maximumConnections: Int?

        /// Up to 128 operations a statement, over as many connections as pay off.
        public init() {}
    }
}
