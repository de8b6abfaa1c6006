import FedifyMQ
import FedifyMySQL
import Hummingbird

/// The page that shows the store and the queue live, and the figures that it asks for each second.
struct StatusPage: Sendable {
    let measurements: Measurements
    let queue: MySQLMessageQueue
    /// How many entries are below a prefix.
    let count: @Sendable (String) async throws -> Int

    fileprivate struct Status: ResponseEncodable {
        struct Entries: Encodable {
            var prefix: String
            var count: Int
        }

        struct Depth: Encodable {
            var ready: Int
            var delayed: Int
            var inWork: Int
            var dead: Int
        }

        /// A delivery that isn't tried again.
        struct DeadLetter: Encodable {
            var id: String
            /// The inbox's host and port.
            var host: String
            var attempts: Int
            var reason: String
        }

        var entries: [Entries] = []
        var depth: Depth
        /// The last one first.
        var deadLetters: [DeadLetter]
        var measurements: Measurements.Snapshot
    }

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.get("/") { _, _ -> Response in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    // Nothing from elsewhere, should anything ever find its way past the page's escaping.
                    .contentSecurityPolicy:
                        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                        + "connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
                    .xContentTypeOptions: "nosniff",
                ],
                body: .init(byteBuffer: ByteBuffer(bytes: PackageResources.status_html)))
        }
        router.get("status.json") { _, _ -> Status in
            let depth = try await queue.depth()
            var status = Status(
                depth: .init(ready: depth.ready, delayed: depth.delayed, inWork: depth.inWork, dead: depth.dead),
                deadLetters: try await queue.deadMessages(limit: 10).map(Status.DeadLetter.init),
                measurements: measurements.snapshot)
            for prefix in ["activities", "actors", "followers", "inbox", "limits"] {
                status.entries.append(.init(prefix: prefix, count: try await count(prefix)))
            }
            return status
        }
    }
}

extension StatusPage.Status.DeadLetter {
    fileprivate init(_ dead: DeadMessage) {
        let delivery = try? dead.message.decode(as: Delivery.self)
        self.init(
            id: dead.id, host: delivery.flatMap { RemoteURL($0.inbox)?.server } ?? "", attempts: dead.attempts,
            reason: dead.reason)
    }
}
