import NIOCore

import Metrics

/// Metrics of a pool, named by OpenTelemetry's conventions for database clients where one exists.
///
/// (OpenTelemetry: "Semantic conventions for database client metrics".)
struct PoolInstrumentation: Sendable {
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

    /// nil: no metrics backend.
    private let instruments: Instruments?

    /// - Parameters:
    ///   - configuration: The pool's.
    ///   - maximumConnections: The maximum number of connections of this shard.
    ///   - shard: The shard, if the pool is divided among event loops.
    init(_ configuration: MySQLConfiguration, maximumConnections: Int, shard: Int?) {
        let factory = configuration.observability.metrics
        guard !(factory is NOOPMetricsHandler) else {
            instruments = nil
            return
        }
        let addresses = configuration.addresses.map(\.description).joined(separator: ",")
        let name = "\(addresses)/\(configuration.database)" + (shard.map { "#\($0)" } ?? "")
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
            .set(maximumConnections)
        instruments = Instruments(
            idle: count("idle"), used: count("used"),
            pending: Meter(
                label: "db.client.connection.pending_requests", dimensions: pool, factory: factory),
            createTime: time("create_time"), waitTime: time("wait_time"), useTime: time("use_time"),
            timeouts: Counter(label: "db.client.connection.timeouts", dimensions: pool, factory: factory),
            failovers: Counter(label: "fedify_kv.failovers", dimensions: pool, factory: factory))
    }

    /// There is a metrics backend.
    var isOn: Bool {
        instruments != nil
    }

    func status(_ status: SchedulerStateMachine.Status) {
        guard let instruments else { return }
        instruments.idle.set(status.idle)
        instruments.used.set(status.inUse)
        instruments.pending.set(status.waiting)
    }

    /// A connection was opened.
    func created(in time: TimeAmount) {
        instruments?.createTime.record(time.seconds)
    }

    /// A batch has acquired its connection.
    func waited(_ batch: SchedulerStateMachine.Batch) {
        guard let instruments, let first = batch.requests.first else { return }
        instruments.waitTime.record((batch.began - first.created).seconds)
    }

    /// A batch has used its connection.
    func used(_ batch: SchedulerStateMachine.Batch) {
        guard let instruments else { return }
        instruments.useTime.record((NIODeadline.now() - batch.began).seconds)
    }

    /// No connection became free in time.
    func timedOut() {
        instruments?.timeouts.increment()
    }

    /// The pool switched to another server.
    func failedOver() {
        instruments?.failovers.increment()
    }
}

extension TimeAmount {
    fileprivate var seconds: Double { Double(nanoseconds) / 1e9 }
}
