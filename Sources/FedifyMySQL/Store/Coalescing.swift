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
