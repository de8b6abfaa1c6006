public import Logging
public import Metrics
#if Tracing
    public import Tracing
#endif

/// The logger, the metrics factory and the tracer of a pool and of the stores on it. The tracer is there with the
/// package trait `Tracing`, which is on by default.
///
/// Passwords, keys and values never appear in any of them.
public struct MySQLObservability: Sendable {
    /// The names used in the metadata of log messages. By default they begin with `mysql_`.
    public struct LogKeys: Sendable {
        /// The server's address.
        public var serverAddress = "mysql_server_address"
        /// The server's version.
        public var serverVersion = "mysql_server_version"
        /// The address of the previous server.
        public var formerServer = "mysql_former_server"
        /// The error.
        public var error = "mysql_error"
        /// The number of failed attempts.
        public var attempt = "mysql_attempt"
        /// The number of rows.
        public var count = "mysql_count"
        /// The number of rows that a statement removed.
        public var removed = "mysql_removed"
        /// How long that took.
        /// How long that took.
        public var microseconds = "mysql_microseconds"
        /// The ID of a message.
        public var messageID = "mysql_message_id"

        /// The default names.
        public init() {}
    }

    /// The names used in the metadata of log messages.
    public var logKeys = LogKeys()
    /// Logs connections lost and found, attempts repeated, rows removed; nil: no logging. In normal work all is at
    /// `debug` and below; a server that is lost or found again is `info`, another one taken is `notice`.
    public var logger: Logger?
    /// Metrics factory; defaults to `MetricsSystem.factory`.
    public var metrics: any MetricsFactory = MetricsSystem.factory
    #if Tracing
        /// Tracer; defaults to `InstrumentationSystem.tracer`.
        public var tracer: any Tracer = InstrumentationSystem.tracer
    #endif

    /// No logger; the application's metrics and tracing backends.
    public init() {}
}
