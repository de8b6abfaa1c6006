import Configuration
import FedifyMySQL
import Foundation
import Hummingbird
import NIOCore

@main
struct InboxServer {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        // FEDIFY_KV_TABLE_NAME, FEDIFY_MQ_TABLE_NAME, FEDIFY_MQ_MAXIMUM_ATTEMPTS and others.
        let reader = ConfigReader(provider: EnvironmentVariablesProvider()).scoped(to: "fedify")
        let pool = try MySQLPool(url: environment["MYSQL_URL"] ?? "mysql://fedify:fedify@localhost/fedify")
        let store = try MySQLKvStore(pool, options: MySQLKvStoreOptions(config: reader.scoped(to: "kv")))
        let queue = try MySQLMessageQueue(pool, options: MySQLMessageQueueOptions(config: reader.scoped(to: "mq")))
        var settings = Settings()
        settings.port = environment["PORT"].flatMap(Int.init) ?? settings.port
        settings.client.allowsLoopback = environment["ALLOW_LOOPBACK"] == "1"
        try await application(store, queue, settings, onServerRunning: show).runService()
    }

    /// The page's address, with the port that the system has chosen if it was to be any.
    @Sendable private static func show(_ channel: any Channel) {
        let line = "Inbox and status page: http://127.0.0.1:\(channel.localAddress?.port ?? 0)/\n"
        // Written at once, also into a pipe.
        try? FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
    }

    /// The server on a store and a queue, which share a pool. `handle` is the work that an activity asks for; the
    /// default keeps it, and fans it out.
    static func application(
        _ store: MySQLKvStore, _ queue: MySQLMessageQueue, _ settings: Settings,
        handle: (@Sendable (Activity, ActorDocument) async throws -> Void)? = nil,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let measurements = Measurements()
        let kv = MeasuredStore(store, measurements)
        let inbox = Inbox(
            ledger: ActivityLedger(kv: kv, claimLife: settings.claimLife, doneLife: settings.doneLife),
            rates: RateLimit(kv: kv, limit: settings.requestsPerWindow, window: settings.window),
            actors: ActorDocuments(
                kv: kv, fetch: ActorFetcher(client: settings.client).fetch, life: settings.actorLife,
                failureLife: settings.failureLife, measurements: measurements),
            measurements: measurements,
            handle: handle ?? FanOut(kv: kv, queue: queue).handle)
        let router = Router()
        inbox.addRoutes(to: router)
        // Counted past the measured store: the page's own reading isn't part of what it shows.
        StatusPage(measurements: measurements, queue: queue) { try await store.count(prefix: [$0]) }
            .addRoutes(to: router)
        let worker = DeliveryWorker(queue: queue, kv: kv, client: settings.client)
        // Ended in the opposite order: the server, the deliveries, the store, the pool.
        return Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: settings.port)),
            services: [store.pool, store, worker], onServerRunning: onServerRunning)
    }
}
