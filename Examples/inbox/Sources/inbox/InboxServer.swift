import FedifyMySQL
import Foundation
import Hummingbird

@main
struct InboxServer {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let pool = try MySQLPool(url: environment["MYSQL_URL"] ?? "mysql://fedify:fedify@localhost/fedify")
        var settings = Settings()
        settings.port = environment["PORT"].flatMap(Int.init) ?? settings.port
        settings.client.allowsLoopback = environment["ALLOW_LOOPBACK"] == "1"
        print("Inbox and status page: http://127.0.0.1:\(settings.port)/")
        try await application(MySQLKvStore(pool), settings).runService()
    }

    /// The server on a store. `handle` is the work that an activity asks for; the default keeps it.
    static func application(
        _ store: MySQLKvStore, _ settings: Settings,
        handle: (@Sendable (Activity, ActorDocument) async throws -> Void)? = nil
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
            handle: handle ?? { activity, actor in try await Inbox.keep(activity, from: actor, in: kv) })
        let router = Router()
        inbox.addRoutes(to: router)
        // Counted past the measured store: the page's own reading isn't part of what it shows.
        StatusPage(measurements: measurements) { try await store.count(prefix: [$0]) }.addRoutes(to: router)
        // Ended in the opposite order: the server, the store, the pool.
        return Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: settings.port)),
            services: [store.pool, store])
    }
}
