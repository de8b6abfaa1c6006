public import FedifyKv
import NIOCore

#if ServiceLifecycle
    public import ServiceLifecycle
#endif

extension MySQLKvStore {
    // MARK: - Schema

    /// Creates the table and its index if they don't exist. (Fedify: `initialize()`.) Operations do this by
    /// themselves on first use.
    ///
    /// It may run in any number of processes at once. If the table exists, no right to create it is needed.
    ///
    /// - Throws: `KvError` `serverError` if the table doesn't exist and the user has no right to create it.
    public func createTable() async throws(KvError) {
        try await perform(.createTable) { try await create() }
    }

    /// Creates the table until the deadline of the operation that needs it; nil: one of its own.
    func create(until deadline: NIODeadline? = nil) async throws {
        try await withConnection(createsTable: false, until: deadline) { [statements, options] connection in
            try await Schema(statements, options).create(on: connection)
        }
    }

    /// Whether the table exists.
    public func tableExists() async throws(KvError) -> Bool {
        try await perform(.tableExists) {
            try await withConnection(createsTable: false) { [statements, options] connection in
                try await Schema(statements, options).exists(on: connection)
            }
        }
    }

    /// Drops the table with all its entries, if it exists. (Fedify: `drop()`.) The next operation creates it again.
    public func dropTable() async throws(KvError) {
        try await perform(.dropTable) {
            try await withConnection(createsTable: false) { [statements] connection in
                _ = try await connection.query(statements.dropTable)
            }
        }
    }

    /// Removes all expired rows in batches, with pauses for other work.
    ///
    /// - Returns: The number of removed rows. If the sweeper of another process is running for more than a few seconds,
    ///   the work is left to it.
    public func deleteExpired() async throws(KvError) -> Int {
        try await perform(.deleteExpired) {
            try await sweeper.sweepAll(withConnection: { try await self.withConnection($0) })
        }
    }

    // MARK: - Life

    /// Removes expired rows regularly (``MySQLKvStoreOptions/Upkeep/interval``) until the task is cancelled;
    /// or until a graceful shutdown (with the trait ServiceLifecycle), when it also closes the store, see ``close()``.
    ///
    /// One sweeper at a time works on a table, over any number of processes. A failed sweep is logged, and retried at
    /// the next interval.
    public func run() async {
        #if ServiceLifecycle
            await cancelWhenGracefulShutdown { await self.sweep() }
            if Task.isShuttingDownGracefully { await close() }
        #else
            await sweep()
        #endif
    }

    private func sweep() async {
        await sweeper.sweepRegularly(withConnection: { try await self.withConnection($0) })
    }

    /// Closes the store: operations in progress complete, later ones are refused with `closed`. A listing ends with
    /// that error at its next page. The pool stays open; close it afterwards.
    ///
    /// Returns after the last operation, at its deadline at the latest.
    public func close() async {
        await inFlight.close()
    }
}

#if ServiceLifecycle
    extension MySQLKvStore: Service {}
#endif
