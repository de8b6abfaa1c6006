// A listener as a service, and its shutdown.

// snippet.imports
import Configuration
import FedifyMQ
import FedifyMySQL
import Logging
import ServiceLifecycle

// snippet.end

struct Delivery: Codable, Sendable {
    var inbox: String
    var activity: String
}

func send(_ delivery: Delivery) async throws {}

// snippet.worker
/// Delivers activities until the service group shuts down.
struct DeliveryWorker: Service {
    let queue: MySQLMessageQueue

    func run() async throws {
        try await queue.listen(for: Delivery.self, concurrency: 32) { delivery, _ in
            try await send(delivery)
        }
    }
}

// snippet.use
let logger = Logger(label: "app")
let reader = ConfigReader(provider: EnvironmentVariablesProvider())

// MYSQL_URL and others; FEDIFY_MQ_LEASE, FEDIFY_MQ_MAXIMUM_ATTEMPTS and others.
var configuration = try MySQLConfiguration(config: reader.scoped(to: "mysql"))
configuration.observability.logger = logger
let pool = try MySQLPool(configuration)
let queue = try MySQLMessageQueue(pool, options: MySQLMessageQueueOptions(config: reader.scoped(to: "fedify.mq")))

// Shut down in the opposite order: the worker ends its handlers before the pool closes.
let group = ServiceGroup(
    services: [pool, DeliveryWorker(queue: queue)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
try await group.run()
// snippet.end

func withoutServices(_ pool: MySQLPool, _ queue: MySQLMessageQueue) async throws {
    // snippet.close
    let listening = Task {
        try await queue.listen(for: Delivery.self) { delivery, _ in try await send(delivery) }
    }

    // At shutdown: waits for the handlers, at most for the grace period.
    await queue.close()
    try await listening.value
    await pool.close()
    // snippet.end
}
