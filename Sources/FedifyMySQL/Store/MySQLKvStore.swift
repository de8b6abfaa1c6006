public import FedifyKv
public import MySQLClient

/// A key–value store in a table of MySQL 8.0+ or MariaDB 10.6+, the one of Fedify's TypeScript `@fedify/mysql`.
///
/// ```swift
/// let pool = try MySQLPool(url: "mysql://user:pass@localhost/db")
/// let kv = MySQLKvStore(pool)
/// try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
/// ```
///
/// The table is created on first use if it doesn't exist.
///
/// An operation on one key ends within `MySQLConfiguration.operationTimeout`, its retries included. A timer ends it, which
/// a busy process may run late: the fault tests allow a second. An operation on many keys or rows is divided into parts,
/// a listing into pages, and has that time for each; a page that times out is requested again with fewer rows.
///
/// Every operation throws `KvError`: beside the errors that it documents, `emptyKey`,
/// `keyTooLong` (768 Unicode scalars of serialized text is the limit; nothing is sent), `connectionFailed`,
/// `overloaded`, `deadlineExceeded`, `cancelled` (while it waits for a connection or a retry),
/// `serverError` or `closed`. Deadlocks and lost connections are retried until the deadline wherever that is safe.
public final class MySQLKvStore: KvStore {
    /// The options of the store.
    public let options: MySQLKvStoreOptions
    /// The connections that the store uses.
    public let pool: MySQLPool
    let log: MetadataLogger
    let instrumentation: StoreInstrumentation
    let inFlight = InFlightOperations()
    package let statements: Statements
    let sweeper: Sweeper
    let batches: BatchRunner
    let valueSize: ValueSizeEstimate
    let access: TableAccess
    var contended: ContendedKeys { access.contended }
    private let gets: RequestLanes<GetRequest, JSONValue?>
    private let sets: RequestLanes<SetRequest, Void>
    private let deletes: RequestLanes<DeleteRequest, Void>
    private let swaps: RequestLanes<CompareAndSwap, Bool>

    /// A store in the table `fedify_kv`. Nothing is sent yet.
    ///
    /// - Parameter pool: The connections, which others may use too. The store uses the pool's logger, metrics and
    ///   tracer.
    public convenience init(_ pool: MySQLPool) {
        self.init(pool, checked: MySQLKvStoreOptions())
    }

    /// A store with options. Nothing is sent yet.
    ///
    /// - Parameters:
    ///   - pool: The connections, which others may use too. The store uses the pool's logger, metrics and tracer.
    ///   - options: The table's name, the clock of expiry, upkeep.
    /// - Throws: `KvError` `invalidConfiguration`.
    public convenience init(_ pool: MySQLPool, options: MySQLKvStoreOptions) throws(KvError) {
        try options.validate()
        self.init(pool, checked: options)
    }

    /// A store in the table `fedify_kv`, with a pool of its own, which is ``pool``: close that at the end. Nothing is
    /// sent yet.
    ///
    /// - Parameter url: `mysql://user:password@host/database?…`; see `MySQLConfiguration.init(url:)`.
    /// - Throws: `KvError` `invalidConfiguration`.
    public convenience init(url: String) throws(KvError) {
        do {
            self.init(try MySQLPool(url: url))
        } catch {
            throw KvError(error, isRepeatable: true)
        }
    }

    private init(_ pool: MySQLPool, checked options: MySQLKvStoreOptions) {
        self.options = options
        self.pool = pool
        log = MetadataLogger(pool.configuration.observability)
        let instrumentation = StoreInstrumentation(pool, table: options.tableName)
        self.instrumentation = instrumentation
        let statements = Statements(options)
        self.statements = statements
        access = TableAccess(
            pool: pool, log: log, instrumentation: instrumentation, createsTable: options.createsTable
        ) { connection throws(MySQLError) in
            try await Schema(statements, options).create(on: connection)
        }
        sweeper = Sweeper(pool, statements, options, log, instrumentation)
        let batches = BatchRunner(statements: statements)
        self.batches = batches
        let valueSize = ValueSizeEstimate()
        self.valueSize = valueSize
        var policy = LanePolicy(
            maximumRequests: options.coalescing.maximumRows, maximumBatches: options.coalescing.maximumConnections,
            isAdaptive: true)
        gets = RequestLanes(pool, .get, policy, instrumentation) { requests, connection, done in
            bisecting(requests) { requests, done in
                batches.get(requests.map(\.request.key), on: connection) { result in
                    done(
                        result.map { values in
                            valueSize.update(values)
                            return values.map { .success($0) }
                        })
                }
            } done: {
                done($0)
            }
        }
        policy.isWrite = true
        deletes = RequestLanes(pool, .delete, policy, instrumentation) { requests, connection, done in
            bisecting(requests) { requests, done in
                batches.delete(requests.map(\.request.key), on: connection) { result in
                    done(result.map { _ in requests.map { _ in .success(()) } })
                }
            } done: {
                done($0)
            }
        }
        policy.batchSize = { BatchSize.bucket(notAbove: $0) }
        sets = RequestLanes(pool, .set, policy, instrumentation) { requests, connection, done in
            batches.set(requests.map(\.request), on: connection, done)
        }
        policy.prefersSingles = true
        swaps = RequestLanes(pool, .cas, policy, instrumentation) { requests, connection, done in
            batches.swap(requests, on: connection, done)
        }
    }

    deinit {
        gets.close(pool)
        sets.close(pool)
        deletes.close(pool)
        swaps.close(pool)
    }

    // MARK: - KvStore

    /// How typed values are encoded and decoded; see ``MySQLKvStoreOptions/coding``.
    public var coding: KvCoding { options.coding }

    /// The value of a key, or nil if there is none.
    public func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
        try check(key)
        return try await perform(.get) { try await submit(gets, GetRequest(key: key, expectedBytes: valueSize.bytes)) }
    }

    /// Stores a value. See `KvStore.set(_:_:ttl:)`.
    ///
    /// - Throws: `KvError` `invalidTTL`, `invalidValue`, `unsupportedValue`, `valueTooLarge`; at `deadlineExceeded` the
    ///   value may have been stored.
    public func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
        try check(key)
        let life = try microseconds(ttl)
        let request = SetRequest(key: key, value: try ValidatedValue(value), life: life)
        try await perform(.set) { try await submit(sets, request) }
        if ttl != nil { sweeper.wroteExpiring() }
    }

    /// Deletes an entry, if there is one.
    public func delete(_ key: KvKey) async throws(KvError) {
        try check(key)
        try await perform(.delete) { try await submit(deletes, DeleteRequest(key: key)) }
    }

    /// Compare-and-swap. See `KvStore.cas(_:expected:new:ttl:)` and <doc:Consistency>.
    ///
    /// - Throws: `KvError` as ``set(_:_:ttl:)`` does, and `outcomeUnknown` if the connection was lost, or the deadline
    ///   passed, when the server may or may not have swapped. It is never retried then.
    public func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
        try check(key)
        let life = try microseconds(ttl)
        let swap = try CompareAndSwap(
            key: key, expected: expected.map(ValidatedValue.init), new: new.map(ValidatedValue.init), life: life)
        let won = try await perform(.cas) { try await submit(swaps, swap, isRepeatable: false) }
        if ttl != nil, new != nil { sweeper.wroteExpiring() }
        return won
    }

    // MARK: - Expiry

    /// The value of a key together with its remaining time to live, or nil if there is none.
    ///
    /// - Parameter key: The key.
    /// - Returns: The value, and the time left by the server's clock (nil: the entry never expires).
    /// - Throws: `KvError`.
    public func getWithTTL(_ key: KvKey) async throws(KvError) -> (value: JSONValue, ttl: Duration?)? {
        try check(key)
        return try await perform(.getWithTTL) {
            try await withConnection { [statements] connection in
                let rows = try await connection.rows(statements.getWithTTL, [key.parameter]).rows
                guard let row = rows.first, let value = row.value(0) else { return nil }
                return (value, row.integer(1).map { .microseconds($0) })
            }
        }
    }

    /// Stores a value and leaves the entry's expiry as it is; an entry that wasn't there never expires.
    ///
    /// - Throws: As ``set(_:_:ttl:)``.
    public func setKeepingExpiry(_ key: KvKey, _ value: JSONValue) async throws(KvError) {
        try check(key)
        let new = try ValidatedValue(value)
        try await perform(.setKeepingExpiry) {
            try await withConnection { [statements] connection in
                try new.check(for: connection, with: key)
                _ = try await connection.query(statements.setKeepingExpiry, [key.parameter, new.parameter])
            }
        }
    }

    // MARK: - Checks

    /// Throws if the key is empty or too long.
    package func check(_ key: KvKey) throws(KvError) {
        if key.isEmpty { throw .emptyKey }
        // A scalar has at least a byte, so few keys need to be counted.
        if key.serialized.utf8.count > Self.maximumKeyLength {
            let length = key.serialized.unicodeScalars.count
            guard length <= Self.maximumKeyLength else {
                throw KvError(
                    .keyTooLong,
                    "the key has \(length) Unicode scalars as JSON text; the limit is \(Self.maximumKeyLength), the "
                        + "width of the key column")
            }
        }
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
    func value(_ column: Int) -> JSONValue? {
        text(column).map(JSONValue.init(uncheckedJSON:))
    }
}
