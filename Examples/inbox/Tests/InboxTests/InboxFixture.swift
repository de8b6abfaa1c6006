import FedifyKv
import FedifyMQ
import FedifyMySQL
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import Testing

@testable import inbox

/// The inbox as a real server on 127.0.0.1, its store and its queue in tables of their own, and another server with
/// actors.
struct InboxFixture: Sendable {
    let kv: MySQLKvStore
    let queue: MySQLMessageQueue
    let client: any TestClientProtocol
    let remote: RemoteServer

    /// Runs a test on the inbox. `handle` is the work that an activity asks for; otherwise it is the server's own, through
    /// the queue that `wrap` makes, if there is one.
    static func run(
        _ change: (inout Settings) -> Void = { _ in },
        options changeOptions: (inout MySQLMessageQueueOptions) -> Void = { _ in },
        handle: (@Sendable (Activity, ActorDocument) async throws -> Void)? = nil,
        through wrap: (@Sendable (MySQLMessageQueue) -> any MessageQueue)? = nil,
        _ test: @escaping @Sendable (InboxFixture) async throws -> Void
    ) async throws {
        var settings = Settings()
        settings.client.allowsLoopback = true
        change(&settings)
        var options = MySQLMessageQueueOptions()
        options.delivery.minimumBackoff = .milliseconds(20)
        options.delivery.maximumBackoff = .milliseconds(200)
        options.delivery.gracePeriod = .zero
        changeOptions(&options)
        try await TestTables.run { [settings, options] tables in
            let pool = try MySQLPool(url: tables.url)
            let kv = try MySQLKvStore(pool, options: tables.storeOptions)
            let queue = try tables.queue(pool, options)
            var handle = handle
            if let wrap { handle = FanOut(kv: kv, queue: wrap(queue)).handle }
            let app = InboxServer.application(kv, queue, settings, handle: handle)
            try await RemoteServer.run { remote in
                try await app.test(.ahc()) { client in
                    try await test(InboxFixture(kv: kv, queue: queue, client: client, remote: remote))
                }
            }
        }
    }

    /// The other server's URL, without a path.
    var origin: String { remote.origin }

    /// An activity of an actor of the other server.
    func activity(_ name: String, type: String = "Create", by actor: String = "alice") -> String {
        remote.activity(name, type: type, by: actor)
    }

    /// Posts to the inbox.
    @discardableResult
    func post(
        _ body: String, as type: String = "application/activity+json"
    ) async throws -> (status: Int, retryAfter: Int?) {
        try await client.execute(
            uri: "/inbox", method: .post, headers: [.contentType: type], body: ByteBuffer(string: body)
        ) { response in
            (response.status.code, response.headers[.retryAfter].flatMap(Int.init))
        }
    }
}

/// Counts what was handled.
final class Counter: Sendable {
    private let ids = Mutex<[String]>([])

    var all: [String] { ids.withLock { $0 } }

    @discardableResult
    func add(_ activity: Activity) -> Int {
        ids.withLock {
            $0.append(activity.id.text)
            return $0.count
        }
    }
}

/// Waits for a condition, and fails the test if it doesn't come true.
func eventually(
    within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard .now < deadline else {
            Issue.record("the condition did not come true within \(limit)", sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
