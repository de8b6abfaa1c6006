public import FedifyKv

#if ServiceLifecycle
    public import ServiceLifecycle
#endif

extension MySQLKvStore {
    // MARK: - Schema

    /// Creates the table and its index, if they aren't there. (Fedify: `initialize()`.) Operations do this by themselves on
    /// first use.
    ///
    /// It may run in any number of processes at once. Where the table is there, no rights to create one are needed.
    ///
    /// - Throws: `KvError` `serverError` if the table isn't there and the user may not create it.
    public func createTable() async throws(KvError) {
        try await perform(.createTable) { try await create() }
    }

    func create() async throws {
        try await withConnection(createsTable: false) { [statements, options] connection in
            try await Schema(statements, options).create(on: connection)
        }
    }

    /// Whether the table is there.
    public func tableExists() async throws(KvError) -> Bool {
        try await perform(.tableExists) {
            try await withConnection(createsTable: false) { [statements, options] connection in
                try await Schema(statements, options).exists(on: connection)
            }
        }
    }

    /// Drops the table with all that is in it, if it is there. (Fedify: `drop()`.) The next operation creates it again.
    public func dropTable() async throws(KvError) {
        try await perform(.dropTable) {
            try await withConnection(createsTable: false) { [statements] connection in
                _ = try await connection.query(statements.dropTable)
            }
        }
    }

    /// Removes all expired rows, in batches, with other work coming in between.
    ///
    /// - Returns: How many. If another process's sweeper is at work for more than a few seconds, it is left to that.
    public func deleteExpired() async throws(KvError) -> Int {
        try await perform(.deleteExpired) {
            try await sweeper.sweepAll(withConnection: { try await self.withConnection($0) })
        }
    }

    // MARK: - Life

    /// Removes expired rows every now and then (``MySQLKvStoreOptions/Upkeep/interval``), until the task is cancelled;
    /// or until a graceful shutdown (with the trait ServiceLifecycle), when it also closes the store, see ``close()``.
    ///
    /// One sweeper at a time works on a table, over any number of processes. A failed sweep is logged, and tried again
    /// at the next interval.
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

    /// Ends the store: operations under way are finished, what comes later is refused with `closed`. A listing ends with
    /// that error at its next page. The pool stays open; close it afterwards.
    ///
    /// Returns when the last operation has ended, at its deadline at the latest.
    public func close() async {
        await inFlight.close()
    }
}

#if ServiceLifecycle
    extension MySQLKvStore: Service {}
#endif
