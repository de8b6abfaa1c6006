import FedifyKv
import FedifyMySQL
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import Testing

@testable import inbox

/// The inbox as a real server on 127.0.0.1, its store in a table of its own on the first server that MYSQL_URL names,
/// and another server with actors.
struct InboxFixture: Sendable {
    let kv: MySQLKvStore
    let client: any TestClientProtocol
    let remote: RemoteServer
    /// The other server's URL, without a path.
    let origin: String

    static func run(
        _ change: (inout Settings) -> Void = { _ in },
        handle: (@Sendable (Activity, ActorDocument) async throws -> Void)? = nil,
        _ test: @escaping @Sendable (InboxFixture) async throws -> Void
    ) async throws {
        var settings = Settings()
        settings.client.allowsLoopback = true
        change(&settings)
        let urls = try #require(ProcessInfo.processInfo.environment["MYSQL_URL"], "the tests need a server")
        let url = String(try #require(urls.split(separator: " ").first))
        let pool = try MySQLPool(url: url)
        var options = MySQLKvStoreOptions()
        options.tableName = "t_" + UUID().uuidString.replacing("-", with: "").lowercased()
        let kv = try MySQLKvStore(pool, options: options)
        let app = InboxServer.application(kv, settings, handle: handle)
        let failure: (any Error)?
        do {
            try await RemoteServer.run { remote, origin in
                try await app.test(.ahc()) { client in
                    try await test(InboxFixture(kv: kv, client: client, remote: remote, origin: origin))
                }
            }
            failure = nil
        } catch {
            failure = error
        }
        // The application has closed its own pool.
        let later = try MySQLPool(url: url)
        try await MySQLKvStore(later, options: options).dropTable()
        await later.close()
        if let failure { throw failure }
    }

    /// An activity of an actor of the other server.
    func activity(_ name: String, type: String = "Create", by actor: String = "alice") -> String {
        #"{"id":"\#(origin)/activities/\#(name)","type":"\#(type)","actor":"\#(origin)/actors/\#(actor)"}"#
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
