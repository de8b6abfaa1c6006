#if Logging
    public import Logging
#endif
#if Metrics
    public import Metrics
#endif
#if Tracing
    public import Tracing
#endif

/// Where the pool and the store tell what they do. Each part is there with the package trait of its name, which is on
/// by default.
///
/// None of it is ever told a password, a key or a value.
public struct MySQLObservability: Sendable {
    /// The names that facts have in the metadata of log messages.
    public struct LogKeys: Sendable {
        /// The server's address.
        public var serverAddress = "server.address"
        /// The server's version.
        public var serverVersion = "db.version"
        /// The address of the server that was left for another.
        public var formerServer = "left"
        /// What went wrong.
        public var error = "error"
        /// How many attempts at an operation have failed.
        public var attempt = "attempt"
        /// How many rows.
        public var count = "count"
        /// How many rows one statement removed.
        public var removed = "removed"
        /// How long that took.
        public var microseconds = "microseconds"

        /// The names that the properties begin with.
        public init() {}
    }

    /// The names that facts have in the metadata of log messages.
    public var logKeys = LogKeys()
    #if Logging
        /// Told of connections lost and found, attempts repeated, rows removed; nil: nobody. In normal work all is at
        /// `debug` and below; a server that is lost or found again is `info`, another one taken is `notice`.
        public var logger: Logger?
    #endif
    #if Metrics
        /// Makes the metrics, unless told otherwise those of the application, as it was bootstrapped by then.
        public var metrics: any MetricsFactory = MetricsSystem.factory
    #endif
    #if Tracing
        /// Makes the spans, unless told otherwise those of the application, as it was bootstrapped by then.
        public var tracer: any Tracer = InstrumentationSystem.tracer
    #endif

    /// No logger; metrics and spans as the application has set them up.
    public init() {}
}
