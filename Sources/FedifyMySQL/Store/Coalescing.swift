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
