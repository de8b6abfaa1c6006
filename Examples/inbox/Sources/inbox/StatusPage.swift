import Hummingbird

/// The page that shows the store live, and the figures that it asks for each second.
struct StatusPage: Sendable {
    let measurements: Measurements
    /// How many entries are below a prefix.
    let count: @Sendable (String) async throws -> Int

    private struct Status: ResponseEncodable {
        struct Entries: Encodable {
            var prefix: String
            var count: Int
        }

        var entries: [Entries] = []
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
            var status = Status(measurements: measurements.snapshot)
            for prefix in ["activities", "actors", "inbox", "limits"] {
                status.entries.append(.init(prefix: prefix, count: try await count(prefix)))
            }
            return status
        }
    }
}
