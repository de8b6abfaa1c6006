#if ServiceLifecycle
    public import ServiceLifecycle

    extension MySQLPool: Service {
        /// Waits for a graceful shutdown, or until the task is cancelled, and closes the pool; see ``close()``.
        ///
        /// Services are shut down in the opposite order of their list: name the pool before the stores that use it.
        public func run() async {
            // It throws when the task is cancelled, which also ends the service.
            try? await gracefulShutdown()
            await close()
        }
    }
#endif
