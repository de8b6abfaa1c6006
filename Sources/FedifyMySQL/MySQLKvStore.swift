public import FedifyKv
public import Logging
public import MySQLClient

/// A key–value store in a table of MySQL 8.0+ or MariaDB 10.6+, the same that Fedify's TypeScript `@fedify/mysql` uses.
///
/// ```swift
/// let pool = try MySQLPool(url: "mysql://user:pass@localhost/db")
/// let kv = MySQLKvStore(pool)
/// try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
/// ```
///
/// The table is made on first use, if it isn't there. Every operation has the pool's deadline, throws ``KvError``, and
/// may throw `CancellationError` while it waits for a connection. Beside what each operation says, it throws
/// `emptyKey`, `keyTooLong` (768 Unicode scalars of serialized text is the limit; nothing is sent), `connectionFailed`,
/// `overloaded`, `deadlineExceeded`, `serverError` or `closed`. Deadlocks and lost connections are tried again until
/// the deadline wherever that is safe.
public final class MySQLKvStore: KvStore {
    /// How the entries are kept.
    public let options: MySQLKvStoreOptions
    /// The connections that the store uses.
    public let pool: MySQLPool
    let logger: Logger?
    let statements: Statements
    let sweeper: Sweeper

    /// A store in the table `fedify_kv`. Nothing is sent yet.
    ///
    /// - Parameters:
    ///   - pool: The connections to use; others may use them too.
    ///   - logger: Told what goes on, without keys and values; nil: nobody.
    public convenience init(_ pool: MySQLPool, logger: Logger? = nil) {
        self.init(pool, checked: MySQLKvStoreOptions(), logger)
    }

    /// A store with options. Nothing is sent yet.
    ///
    /// - Parameters:
    ///   - pool: The connections to use; others may use them too.
    ///   - options: The table's name, the clock of expiry, upkeep.
    ///   - logger: Told what goes on, without keys and values; nil: nobody.
    /// - Throws: ``KvError`` `invalidConfiguration`.
    public convenience init(
        _ pool: MySQLPool, options: MySQLKvStoreOptions, logger: Logger? = nil
    ) throws(KvError) {
        try options.validate()
        self.init(pool, checked: options, logger)
    }

    private init(_ pool: MySQLPool, checked options: MySQLKvStoreOptions, _ logger: Logger?) {
        self.options = options
        self.pool = pool
        self.logger = logger
        statements = Statements(options)
        sweeper = Sweeper(pool, statements, options, logger)
    }

    // MARK: - KvStore

    /// The value of a key, or nil if there is none.
    public func get(_ key: KvKey) async throws -> KvValue? {
        let key = try checked(key)
        return try await run { [statements] connection in
            var value: KvValue?
            try connection.query(statements.get, [key]) { value = $0.value(0) }
            return value
        }
    }

    /// Stores a value. See ``KvStore/set(_:_:ttl:)``.
    ///
    /// - Throws: ``KvError`` `invalidTTL`, `invalidValue`, `unsupportedValue`, `valueTooLarge`; at `deadlineExceeded` the
    ///   value may have been stored.
    public func set(_ key: KvKey, _ value: KvValue, ttl: Duration?) async throws {
        let text = try checked(key)
        let life = try microseconds(ttl)
        let new = try CheckedValue(value)
        try await run { [statements] connection in
            try new.check(for: connection, with: key)
            try connection.query(statements.set(rows: 1), [text, new.parameter, life])
        }
        if ttl != nil { sweeper.wroteExpiring() }
    }

    /// Deletes an entry, if there is one.
    public func delete(_ key: KvKey) async throws {
        let key = try checked(key)
        try await run { [statements] connection in
            _ = try connection.query(statements.delete, [key])
        }
    }

    /// Compare-and-swap. See ``KvStore/cas(_:expected:new:ttl:)`` and <doc:Consistency>.
    ///
    /// - Throws: ``KvError`` as ``set(_:_:ttl:)`` does, and `outcomeUnknown` if the connection was lost, or the deadline
    ///   passed, when the server may or may not have swapped. It is never tried again then.
    public func cas(_ key: KvKey, expected: KvValue?, new: KvValue?, ttl: Duration?) async throws -> Bool {
        let swap = try Swap(
            key: key, keyText: checked(key), expected: expected.map(CheckedValue.init), new: new.map(CheckedValue.init),
            life: microseconds(ttl), statements: statements)
        let won = try await run(isRepeatable: false) { connection in try swap.run(on: connection) }
        if ttl != nil, new != nil { sweeper.wroteExpiring() }
        return won
    }

    // MARK: - Expiry

    /// A value and what is left of its life.
    public struct Expiring: Sendable, Equatable {
        /// The value.
        public let value: KvValue
        /// The time left, by the server's clock; nil: it never expires.
        public let ttl: Duration?
    }

    /// The value of a key together with its expiry, or nil if there is none.
    public func getWithExpiry(_ key: KvKey) async throws -> Expiring? {
        let key = try checked(key)
        return try await run { [statements] connection in
            var found: Expiring?
            try connection.query(statements.getWithExpiry, [key]) { row in
                guard let value = row.value(0) else { return }
                found = Expiring(value: value, ttl: row.integer(1).map { .microseconds($0) })
            }
            return found
        }
    }

    /// Stores a value and leaves the entry's expiry as it is; an entry that wasn't there never expires.
    ///
    /// - Throws: As ``set(_:_:ttl:)``.
    public func setKeepingExpiry(_ key: KvKey, _ value: KvValue) async throws {
        let text = try checked(key)
        let new = try CheckedValue(value)
        try await run { [statements] connection in
            try new.check(for: connection, with: key)
            _ = try connection.query(statements.setKeepingExpiry, [text, new.parameter])
        }
    }

    // MARK: - Schema and upkeep

    /// Makes the table and its index, if they aren't there. Operations do this by themselves on first use.
    ///
    /// It may run in any number of processes at once. Where the table is there, no rights to make one are needed.
    ///
    /// - Throws: ``KvError`` `serverError` if the table isn't there and the user may not make it.
    public func initialize() async throws {
        try await run(createsTable: false) { [statements, options] connection in
            try Schema(statements, options).create(on: connection)
        }
    }

    /// Drops the table with all that is in it, if it is there. The next operation makes it anew.
    public func drop() async throws {
        try await run(createsTable: false) { [statements] connection in
            _ = try connection.query(statements.dropTable)
        }
    }

    /// Removes all expired rows, in batches, with other work coming in between.
    ///
    /// - Returns: How many. If another process's sweeper is at work for more than a few seconds, it is left to that.
    public func deleteExpired() async throws -> Int {
        try await sweeper.sweepAll(run: { try await self.run($0) })
    }

    /// Removes expired rows every now and then (``MySQLKvStoreOptions/Upkeep/interval``), until the task is cancelled.
    ///
    /// One sweeper at a time works on a table, over any number of processes. A failed sweep is logged, and tried again
    /// at the next interval.
    public func run() async {
        await sweeper.run(run: { try await self.run($0) })
    }

    // MARK: - Checks

    /// The key's text, bound; refused if no row can have it.
    func checked(_ key: KvKey) throws(KvError) -> MySQLParameter {
        if key.components.isEmpty { throw .emptyKey }
        // Every scalar has a byte: few keys need to be counted.
        if key.serialized.utf8.count > Self.maximumKeyLength {
            let length = key.serialized.unicodeScalars.count
            guard length <= Self.maximumKeyLength else {
                throw KvError(
                    .keyTooLong,
                    "the key has \(length) Unicode scalars as JSON text; the limit is \(Self.maximumKeyLength), the "
                        + "width of the key column")
            }
        }
        return .text(key.serialized)
    }

    /// The longest key: the Unicode scalars of its serialized text, which is the width of the column (Fedify).
    public static let maximumKeyLength = 768

    func microseconds(_ ttl: Duration?) throws(KvError) -> MySQLParameter {
        guard let ttl else { return .null }
        return .integer(try TimeToLive(ttl).microseconds)
    }
}

extension MySQLRow {
    /// A JSON column.
    func value(_ column: Int) -> KvValue? {
        text(column).map(KvValue.init(trusted:))
    }
}
