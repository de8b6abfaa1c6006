import FedifyMQ
import Metrics
import MySQLClient
import NIOConcurrencyHelpers

#if Tracing
    import Tracing
#endif

/// Spans and metrics of a queue, by OpenTelemetry's conventions for messaging clients; they contain no message and no
/// key.
///
/// (OpenTelemetry: "Semantic conventions for messaging systems".)
final class QueueInstrumentation: Sendable {
    /// What became of a message at a handler.
    enum Result: String {
        case done, retry, reject, release, lost
    }

    private let pool: MySQLPool
    private let queue: String
    /// nil: no backend.
    private let factory: (any MetricsFactory)?
    private let inWork = NIOLockedValueBox(0)
    private let recorders = NIOLockedValueBox<[String: Recorder]>([:])
    private let counters = NIOLockedValueBox<[String: Counter]>([:])
    #if Tracing
        /// nil: no backend.
        private let tracer: (any Tracer)?
    #endif

    init(_ pool: MySQLPool, queue: String) {
        self.pool = pool
        self.queue = queue
        let factory = pool.configuration.observability.metrics
        self.factory = factory is NOOPMetricsHandler ? nil : factory
        #if Tracing
            let tracer = pool.configuration.observability.tracer
            self.tracer = tracer is NoOpTracer ? nil : tracer
        #endif
    }

    private var facts: [(String, String)] {
        [
            ("messaging.system", (pool.server.flavor ?? .mysql).rawValue),
            ("messaging.destination.name", queue),
        ]
    }

    // MARK: - Enqueueing

    /// Enqueues messages in a span of its own.
    func sending<T>(_ count: Int, _ body: () async throws -> T) async throws -> T {
        let begun = ContinuousClock.now
        do {
            let result = try await traced("send", count: count, body)
            record("messaging.client.operation.duration", begun, "send")
            increment("messaging.client.sent.messages", by: count)
            return result
        } catch {
            record("messaging.client.operation.duration", begun, "send", error: "\(MQError(wrapping: error).code)")
            throw error
        }
    }

    private func traced<T>(_ operation: String, count: Int, _ body: () async throws -> T) async throws -> T {
        #if Tracing
            guard let tracer else { return try await body() }
            return try await tracer.withSpan("\(operation) \(queue)", ofKind: .producer) { span in
                show(operation, on: span)
                if count > 1 { span.attributes["messaging.batch.message_count"] = count }
                do {
                    return try await body()
                } catch {
                    span.setStatus(SpanStatus(code: .error))
                    throw error
                }
            }
        #else
            return try await body()
        #endif
    }

    // MARK: - Listening

    /// Runs a handler in a span of its own.
    func processing(
        _ message: ReceivedMessage, _ handler: @Sendable (ReceivedMessage) async throws -> Void
    ) async throws {
        guard isMeasured else { return try await tracedProcessing(message, handler) }
        let begun = ContinuousClock.now
        do {
            try await tracedProcessing(message, handler)
            record("messaging.process.duration", begun, "process")
        } catch {
            record("messaging.process.duration", begun, "process", error: "\(type(of: error))")
            throw error
        }
    }

    private func tracedProcessing(
        _ message: ReceivedMessage, _ handler: @Sendable (ReceivedMessage) async throws -> Void
    ) async throws {
        #if Tracing
            guard let tracer else { return try await handler(message) }
            try await tracer.withSpan("process \(queue)", ofKind: .consumer) { span in
                show("process", on: span)
                span.attributes["messaging.message.id"] = message.id
                do {
                    try await handler(message)
                } catch {
                    span.setStatus(SpanStatus(code: .error))
                    throw error
                }
            }
        #else
            try await handler(message)
        #endif
    }

    #if Tracing
        private func show(_ operation: String, on span: any Span) {
            for (name, value) in facts { span.attributes[name] = value }
            span.attributes["messaging.operation.name"] = operation
        }
    #endif

    /// Messages were claimed.
    func received(_ count: Int) {
        if count > 0 { increment("messaging.client.consumed.messages", by: count) }
    }

    /// A handler's message was settled, or lost.
    func settled(_ result: Result, count: Int = 1) {
        increment("fedify_mq.settled", by: count, ("result", result.rawValue))
    }

    /// A transaction of a listener failed, and will be tried again.
    func failed(_ error: any Error) {
        increment("fedify_mq.failures", by: 1, ("error.type", "\(MQError(wrapping: error).code)"))
    }

    /// How many messages this process has in work has changed.
    func inWork(changedBy difference: Int) {
        guard let factory, difference != 0 else { return }
        let count = inWork.withLockedValue { count in
            count += difference
            return count
        }
        Gauge(label: "fedify_mq.in_work", dimensions: facts, factory: factory).record(count)
    }

    /// There is a metrics backend.
    var isMeasured: Bool { factory != nil }

    /// The numbers of the whole queue.
    ///
    /// - Parameters:
    ///   - depth: The depth.
    ///   - oldest: The age of the message that has been ready longest.
    ///   - history: The server's history list length: what its purge has still to do; nil: the user may not see it.
    func state(_ depth: QueueDepth, oldest: Duration, history: Int?) {
        guard let factory else { return }
        Gauge(label: "fedify_mq.oldest_ready.age", dimensions: facts, factory: factory).record(oldest / .seconds(1))
        if let history {
            Gauge(label: "fedify_mq.history_length", dimensions: facts, factory: factory).record(history)
        }
        for (state, count) in [("ready", depth.ready), ("delayed", depth.delayed), ("dead", depth.dead)] {
            Gauge(label: "fedify_mq.depth", dimensions: facts + [("state", state)], factory: factory).record(count)
        }
    }

    // MARK: - Recorders, cached

    private func record(
        _ label: String, _ begun: ContinuousClock.Instant, _ operation: String, error: String? = nil
    ) {
        guard let factory else { return }
        let recorder = recorders.value(for: "\(label) \(operation) \(error ?? "")") {
            Recorder(
                label: label,
                dimensions: facts + [("messaging.operation.name", operation)]
                    + (error.map { [("error.type", $0)] } ?? []), aggregate: true, factory: factory)
        }
        recorder.record(begun.duration(to: .now) / .seconds(1))
    }

    private func increment(_ label: String, by count: Int, _ fact: (String, String)? = nil) {
        guard let factory else { return }
        counters.value(for: "\(label) \(fact?.1 ?? "")") {
            Counter(label: label, dimensions: facts + (fact.map { [$0] } ?? []), factory: factory)
        }.increment(by: count)
    }
}
