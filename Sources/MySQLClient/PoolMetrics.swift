#if Metrics
    import Metrics
#endif

/// What is measured of a pool, by the names of OpenTelemetry's conventions for database clients, where it has one.
///
/// (OpenTelemetry: "Semantic conventions for database client metrics".)
struct PoolMetrics: Sendable {
    #if Metrics
        private struct Instruments: Sendable {
            let idle: Meter
            let used: Meter
            let pending: Meter
            let createTime: Recorder
            let waitTime: Recorder
            let useTime: Recorder
            let timeouts: Counter
            let failovers: Counter
        }

        /// nil: nobody listens.
        private let instruments: Instruments?
    #endif

    init(_ configuration: MySQLConfiguration) {
        #if Metrics
            let factory = configuration.observability.metrics
            guard !(factory is NOOPMetricsHandler) else {
                instruments = nil
                return
            }
            let name = "\(configuration.addresses.map(\.description).joined(separator: ","))/\(configuration.database)"
            let pool = [("db.client.connection.pool.name", name)]
            func count(_ state: String) -> Meter {
                Meter(
                    label: "db.client.connection.count",
                    dimensions: pool + [("db.client.connection.state", state)], factory: factory)
            }
            func time(_ what: String) -> Recorder {
                Recorder(label: "db.client.connection.\(what)", dimensions: pool, aggregate: true, factory: factory)
            }
            Meter(label: "db.client.connection.max", dimensions: pool, factory: factory)
                .set(configuration.pool.maximumConnections)
            instruments = Instruments(
                idle: count("idle"), used: count("used"),
                pending: Meter(
                    label: "db.client.connection.pending_requests", dimensions: pool, factory: factory),
                createTime: time("create_time"), waitTime: time("wait_time"), useTime: time("use_time"),
                timeouts: Counter(label: "db.client.connection.timeouts", dimensions: pool, factory: factory),
                failovers: Counter(label: "fedify_kv.failovers", dimensions: pool, factory: factory))
        #endif
    }

    /// Somebody listens.
    var isOn: Bool {
        #if Metrics
            instruments != nil
        #else
            false
        #endif
    }

    func status(_ status: @autoclosure () -> MySQLPool.Status, idle: @autoclosure () -> Int) {
        #if Metrics
            guard let instruments else { return }
            let status = status()
            instruments.idle.set(idle())
            instruments.used.set(status.inUse)
            instruments.pending.set(status.waiting)
        #endif
    }

    /// A connection was opened.
    func created(in time: Duration) {
        #if Metrics
            instruments?.createTime.record(time / .seconds(1))
        #endif
    }

    /// A job has waited for a connection.
    func waited(_ time: Duration) {
        #if Metrics
            instruments?.waitTime.record(time / .seconds(1))
        #endif
    }

    /// A job has used a connection.
    func used(_ time: Duration) {
        #if Metrics
            instruments?.useTime.record(time / .seconds(1))
        #endif
    }

    /// No connection became free in time.
    func timedOut() {
        #if Metrics
            instruments?.timeouts.increment()
        #endif
    }

    /// The pool went to another server.
    func failedOver() {
        #if Metrics
            instruments?.failovers.increment()
        #endif
    }
}
