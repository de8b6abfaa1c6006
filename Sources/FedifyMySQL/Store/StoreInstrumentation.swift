import FedifyKv
import NIOConcurrencyHelpers
import MySQLClient

import Metrics
#if Tracing
    import Tracing
#endif

/// Spans and metrics of the store's operations, by OpenTelemetry's conventions for database clients; they contain no
/// key or value.
///
/// (OpenTelemetry: "Semantic conventions for database client calls", stable since 1.33.)
final class StoreInstrumentation: Sendable {
    /// The caller's span, for the batch that answers it.
    #if Tracing
        typealias Caller = ServiceContext
    #else
        typealias Caller = Never
    #endif

    private let pool: MySQLPool
    private let table: String
    /// nil: no backend.
    private let factory: (any MetricsFactory)?
    private let recorders = NIOLockedValueBox<[Measure: Recorder]>([:])

    /// Recorders that are used often are cached.
    private enum Measure: Hashable {
        case duration(StoreOperation, MySQLPool.Server, error: [String])
        case batchSize(StoreOperation)
    }
    #if Tracing
        /// nil: no backend.
        private let tracer: (any Tracer)?
    #endif

    init(_ pool: MySQLPool, table: String) {
        self.pool = pool
        self.table = table
        let factory = pool.configuration.observability.metrics
        self.factory = factory is NOOPMetricsHandler ? nil : factory
        #if Tracing
            let tracer = pool.configuration.observability.tracer
            self.tracer = tracer is NoOpTracer ? nil : tracer
        #endif
    }

    // MARK: - An operation

    /// Runs an operation in a span of its own, and measures it.
    ///
    /// - Parameters:
    ///   - operation: The kind of operation.
    ///   - size: The number of keys, if it takes several.
    ///   - body: The operation.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws.
    func observe<T>(_ operation: StoreOperation, size: Int?, _ body: () async throws -> T) async throws -> T {
        if let factory {
            return try await measured(operation, factory) { try await traced(operation, size: size, body) }
        }
        return try await traced(operation, size: size, body)
    }

    private func traced<T>(_ operation: StoreOperation, size: Int?, _ body: () async throws -> T) async throws -> T {
        #if Tracing
            guard let tracer else { return try await body() }
            return try await tracer.withSpan("\(operation.rawValue) \(table)", ofKind: .client) { span in
                // Set at the start too, where samplers decide.
                let server = pool.server
                Self.show(facts(operation, server), on: span)
                if let size, size > 1 { span.attributes["db.operation.batch.size"] = size }
                defer {
                    // The first operation determines the server, and any operation may be sent to another one.
                    let later = pool.server
                    if later != server { Self.show(facts(operation, later), on: span) }
                }
                do {
                    return try await body()
                } catch {
                    Self.show(Self.facts(error), on: span)
                    span.setStatus(SpanStatus(code: .error))
                    throw error
                }
            }
        #else
            return try await body()
        #endif
    }

    private func measured<T>(
        _ operation: StoreOperation, _ factory: any MetricsFactory, _ body: () async throws -> T
    ) async throws -> T {
        let begun = ContinuousClock.now
        func record(_ error: [(String, String)]) {
            let server = pool.server
            let duration = recorders.value(for: .duration(operation, server, error: error.map(\.1))) {
                Recorder(
                    label: "db.client.operation.duration", dimensions: facts(operation, server) + error,
                    aggregate: true, factory: factory)
            }
            duration.record(begun.duration(to: .now) / .seconds(1))
        }
        do {
            let result = try await body()
            record([])
            return result
        } catch {
            record(Self.facts(error))
            throw error
        }
    }

    #if Tracing
        private static func show(_ facts: [(String, String)], on span: any Span) {
            for (name, value) in facts {
                if name == "server.port" {
                    span.attributes[name] = Int(value)
                } else {
                    span.attributes[name] = value
                }
            }
        }
    #endif

    // MARK: - A batch

    /// The span of the current task.
    var caller: Caller? {
        #if Tracing
            tracer == nil ? nil : ServiceContext.current
        #else
            nil
        #endif
    }

    /// Starts a batch's span, which links to those of its callers.
    ///
    /// - Returns: A closure to call when the batch has ended.
    func beginBatch(_ operation: StoreOperation, size: Int, callers: () -> [Caller]) -> () -> Void {
        if let factory {
            recorders.value(for: .batchSize(operation)) {
                Recorder(
                    label: "fedify_kv.batch.size", dimensions: [("db.operation.name", operation.rawValue)],
                    aggregate: true, factory: factory)
            }.record(size)
        }
        #if Tracing
            guard let tracer, size > 1 else { return {} }
            let span = tracer.startSpan("BATCH \(operation.rawValue) \(table)", context: .topLevel, ofKind: .client)
            Self.show(facts(operation, pool.server), on: span)
            span.attributes["db.operation.batch.size"] = size
            for caller in callers() { span.addLink(SpanLink(context: caller, attributes: [:])) }
            return { span.end() }
        #else
            return {}
        #endif
    }

    // MARK: - Other events

    /// An attempt failed and will be retried.
    func retried(_ error: MySQLError) {
        if let factory {
            Counter(
                label: "fedify_kv.retries", dimensions: Self.facts(error), factory: factory
            ).increment()
        }
    }

    /// Expired rows were removed.
    func removed(_ rows: Int) {
        if let factory {
            Counter(
                label: "fedify_kv.sweeper.removed_rows", dimensions: [("db.collection.name", table)],
                factory: factory
            ).increment(by: rows)
        }
    }

    /// Expired rows could not be removed.
    func sweepFailed() {
        if let factory {
            Counter(
                label: "fedify_kv.sweeper.failures", dimensions: [("db.collection.name", table)], factory: factory
            ).increment()
        }
    }

    // MARK: - Attributes, by the conventions' names

    private func facts(_ operation: StoreOperation, _ server: MySQLPool.Server) -> [(String, String)] {
        var facts = [
            ("db.system.name", (server.flavor ?? .mysql).rawValue),
            ("db.namespace", pool.configuration.database),
            ("db.collection.name", table),
            ("db.operation.name", operation.rawValue),
        ]
        switch server.address {
        case .tcp(let host, let port): facts += [("server.address", host), ("server.port", "\(port)")]
        case .unixSocket(let path): facts.append(("server.address", path))
        }
        return facts
    }

    private static func facts(_ error: any Error) -> [(String, String)] {
        let (type, cause): (String, (any Error)?) =
            switch error {
            case let error as KvError: (error.code.rawValue, error.underlyingError)
            case let error as MySQLError: (error.code.rawValue, error)
            case is CancellationError: ("cancelled", nil)
            default: ("other", nil)
            }
        let number = (cause as? MySQLError)?.serverCode
        return [("error.type", type)] + (number.map { [("db.response.status_code", "\($0)")] } ?? [])
    }
}

/// The operations of the store, by their names in spans and metrics.
package enum StoreOperation: String, CaseIterable {
    case get, set, delete, cas, getWithTTL, setKeepingExpiry, list, count, deletePrefix, deleteExpired
    case createTable, tableExists, dropTable
    case enqueue
}
