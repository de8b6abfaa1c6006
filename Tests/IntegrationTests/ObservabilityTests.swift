import FedifyKv
import FedifyMySQL
import Foundation
import InMemoryTracing
import NIOConcurrencyHelpers
import Logging
import MetricsTestKit
import MySQLClient
import Testing
import Tracing

/// The logs, metrics and traces of the store and the pool, read from backends in memory.
@Suite struct ObservabilityTests {
    @Test(arguments: try await TestServer.all)
    func everyOperationHasASpan(_ server: TestServer) async throws {
        let tracer = InMemoryTracer()
        try await server.withStore(observability: { $0.tracer = tracer }) { kv, _ in
            try await kv.set(["k"], "v", ttl: .seconds(60))
            _ = try await kv.get(["k"])
            _ = try await kv.getWithTTL(["k"])
            try await kv.setKeepingExpiry(["k"], JSONValue(encoding: "w"))
            _ = try await kv.cas(["k"], expected: "w", new: "x")
            for try await _ in kv.list() {}
            _ = try await kv.count()
            try await kv.set(entries: [
                KvEntry(key: ["a"], value: JSONValue(encoding: 1)), KvEntry(key: ["b"], value: JSONValue(encoding: 2)),
            ])
            try await kv.delete(["k"])
            try await kv.delete(prefix: ["a"])
            _ = try await kv.deleteExpired()
            try await kv.createTable()
            _ = try await kv.tableExists()
            try await kv.dropTable()
            let spans = tracer.finishedSpans
            let table = kv.options.tableName
            #expect(
                spans.map(\.operationName)
                    == [
                        "set", "get", "getWithTTL", "setKeepingExpiry", "cas", "list", "count", "set", "delete",
                        "deletePrefix", "deleteExpired", "createTable", "tableExists", "dropTable",
                    ].map { "\($0) \(table)" })
            for span in spans {
                #expect(span.kind == .client)
                #expect(span.attributes.text("db.system.name") == (server.isMariaDB ? "mariadb" : "mysql"))
                #expect(span.attributes.text("db.namespace") == server.configuration.database)
                #expect(span.attributes.text("db.collection.name") == table)
                #expect(
                    span.attributes.text("db.operation.name")
                        == span.operationName.split(separator: " ").first.map(String.init))
                #expect(span.attributes.text("server.address") == "127.0.0.1")
                #expect(span.attributes.get("server.port") == SpanAttribute.int64(Int64(server.ports[0])))
                #expect(span.status == nil)
            }
            #expect(spans[7].attributes.get("db.operation.batch.size") == .int64(2))
        }
    }

    @Test(arguments: try await TestServer.all)
    func anErrorIsSeenInItsSpan(_ server: TestServer) async throws {
        let tracer = InMemoryTracer()
        try await server.withStore(observability: { $0.tracer = tracer }) { kv, _ in
            _ = try await kv.get(["k"])
            try await server.sql("ALTER TABLE \(kv.options.tableName) DROP COLUMN value")
            await #expect(throws: KvError.self) { try await kv.get(["secret key"]) }
            let span = try #require(tracer.finishedSpans.last)
            #expect(span.attributes.text("error.type") == "serverError")
            #expect(span.attributes.text("db.response.status_code") == "1054")
            #expect(span.status?.code == .error)
            #expect(!"\(span)".contains("secret key"))
        }
    }

    /// One statement for many callers: its span links to each of theirs.
    @Test(arguments: try await TestServer.all)
    func aBatchLinksToItsCallers(_ server: TestServer) async throws {
        let (tracer, metrics) = (InMemoryTracer(), TestMetrics())
        try await server.withStore(
            poolSize: 1,
            observability: {
                $0.tracer = tracer
                $0.metrics = metrics
            }
        ) { kv, pool in
            try await kv.createTable()
            tracer.clearFinishedSpans()
            // All wait for the one connection.
            let sets = try await pool.whileBusy {
                let sets = (0..<20).map { number in Task { try await kv.set(["\(number)"], "v") } }
                try await eventually { pool.status.waiting == 20 }
                return sets
            }
            for set in sets { try await set.value }
            let spans = tracer.finishedSpans
            let batches = spans.filter { $0.operationName.hasPrefix("BATCH set ") }
            let callers = spans.filter { $0.operationName.hasPrefix("set ") }
            #expect(callers.count == 20)
            #expect(batches.allSatisfy { $0.kind == .client && $0.links.count > 1 })
            #expect(
                batches.allSatisfy { $0.attributes.get("db.operation.batch.size") == .int64(Int64($0.links.count)) })
            let linked = batches.flatMap(\.links).compactMap { $0.context.inMemorySpanContext?.spanID }
            #expect(Set(linked).isSubset(of: callers.map(\.spanID)))
            #expect(linked.count >= 16)
            let sizes = try metrics.expectRecorder("fedify_kv.batch.size", [("db.operation.name", "set")]).values
            #expect(sizes.reduce(0, +) == 20)
        }
    }

    @Test(arguments: try await TestServer.all)
    func durationsAndGaugesAreMeasured(_ server: TestServer) async throws {
        let metrics = TestMetrics()
        try await server.withStore(poolSize: 2, observability: { $0.metrics = metrics }) { kv, pool in
            try await kv.set(["k"], "v", ttl: .milliseconds(1))
            _ = try await kv.get(["k"])
            try await eventually { try await kv.deleteExpired() + metrics.total("fedify_kv.sweeper.removed_rows") > 0 }
            try await server.sql("ALTER TABLE \(kv.options.tableName) DROP COLUMN value")
            await #expect(throws: KvError.self) { try await kv.get(["k"]) }

            let facts = [
                ("db.system.name", server.isMariaDB ? "mariadb" : "mysql"),
                ("db.namespace", server.configuration.database), ("db.collection.name", kv.options.tableName),
                ("db.operation.name", "get"), ("server.address", "127.0.0.1"), ("server.port", "\(server.ports[0])"),
            ]
            let duration = try metrics.expectRecorder("db.client.operation.duration", facts).values
            #expect(duration.count == 1)
            #expect(duration.allSatisfy { $0 > 0 && $0 < 10 })
            let failed = facts + [("error.type", "serverError"), ("db.response.status_code", "1054")]
            #expect(try metrics.expectRecorder("db.client.operation.duration", failed).values.count == 1)
            #expect(metrics.total("fedify_kv.sweeper.removed_rows") == 1)

            let name = [
                ("db.client.connection.pool.name", "127.0.0.1:\(server.ports[0])/\(server.configuration.database)")
            ]
            @Sendable func meter(_ label: String, _ state: String? = nil) throws -> Double? {
                let dimensions = name + (state.map { [("db.client.connection.state", $0)] } ?? [])
                return try metrics.expectMeter("db.client.connection.\(label)", dimensions).lastValue
            }
            #expect(try meter("max") == 2)
            #expect(try meter("count", "idle") == 1)
            #expect(try meter("count", "used") == 0)
            let used = try await pool.withConnection { _ in try meter("count", "used") }
            #expect(used == 1)
            for time in ["create_time", "wait_time", "use_time"] {
                let times = try metrics.expectRecorder("db.client.connection.\(time)", name).values
                #expect(times.contains { $0 > 0 && $0 < 10 })
            }

            // With both in use a third waits, in vain.
            try await pool.whileBusy(connections: 2) {
                let third = Task { try await pool.withConnection(deadline: .now + .milliseconds(200)) { _ in } }
                try await eventually { try meter("pending_requests") == 1 }
                #expect(try meter("count", "used") == 2)
                let error = await #expect(throws: MySQLError.self) { try await third.value }
                #expect(error?.code == .acquisitionTimedOut)
                #expect(try meter("pending_requests") == 0)
                #expect(try metrics.expectCounter("db.client.connection.timeouts", name).totalValue == 1)
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func retriesAndFailoversAreCounted(_ server: TestServer) async throws {
        let metrics = TestMetrics()
        let (first, second) = (try Proxy(to: server.ports[0]), try Proxy(to: server.ports[0]))
        try await server.withStore { direct, _ in
            let pool = try server.pool(2) {
                $0.addresses = [first, second].map { .tcp(host: "127.0.0.1", port: $0.port) }
                $0.observability.metrics = metrics
            }
            let kv = try MySQLKvStore(pool, options: direct.options)
            try await kv.set(["k"], "v")
            first.down()
            #expect(try await kv.get(["k"], as: String.self) == "v")
            #expect(metrics.total("fedify_kv.failovers") == 1)

            // Another transaction has the row.
            let other = try await OpenTransaction(
                on: server, "SELECT 1 FROM `\(direct.options.tableName)` FOR UPDATE")
            async let answer: Void = kv.set(["k"], "w")
            func timeouts() -> [TestCounter] {
                metrics.counters(label: "fedify_kv.retries").filter {
                    $0.dimensions.map(\.1) == ["server", "1205"] && $0.dimensions[0].0 == "error.type"
                }
            }
            try await eventually { timeouts().contains { $0.totalValue >= 1 } }
            try await other.commit()
            try await answer
            await pool.close()
        }
        second.down()
    }

    /// The service can choose the names of log metadata.
    @Test(arguments: try await TestServer.all)
    func logKeysAreConfiguration(_ server: TestServer) async throws {
        let log = CapturedLog()
        try await server.withStore(
            logger: log.logger,
            observability: {
                $0.logKeys.serverAddress = "mysql_host"
                $0.logKeys.serverVersion = "mysql_version"
            }
        ) { kv, _ in
            _ = try await kv.get(["k"])
            #expect(log.text.contains("\"mysql_host\": 127.0.0.1:\(server.ports[0])"))
            #expect(log.text.contains("\"mysql_version\": "))
            #expect(!log.text.contains("server.address"))
        }
    }
}

extension SpanAttributes {
    fileprivate func text(_ name: String) -> String? {
        guard case .string(let text) = get(name) else { return nil }
        return text
    }
}

extension TestMetrics {
    fileprivate func total(_ label: String) -> Int {
        counters(label: label).map { Int($0.totalValue) }.reduce(0, +)
    }
}
