import Foundation
import Hummingbird
import HummingbirdTesting
import Synchronization

/// Another server, on this machine, with actors of all sorts.
final class RemoteServer: Sendable {
    private let requests = Mutex<[String: Int]>([:])

    /// How often a path was asked for.
    func count(_ path: String) -> Int {
        requests.withLock { $0[path] ?? 0 }
    }

    /// Runs a test while the server runs. The URL it is given is that of the server, without a path.
    static func run(_ test: @Sendable (RemoteServer, String) async throws -> Void) async throws {
        let server = RemoteServer()
        let router = Router()
        router.get("actors/:name") { request, context -> Response in
            server.requests.withLock { $0[request.uri.path, default: 0] += 1 }
            let name = try context.parameters.require("name")
            let id = "http://\(request.head.authority ?? "")\(request.uri.path)"
            return try await answer(to: name, id)
        }
        try await Application(router: router).test(.ahc()) { client in
            try await test(server, "http://localhost:\(client.port ?? 0)")
        }
    }

    /// The id of a malicious actor.
    static let evilName = #"<img src=x onerror="document.title='stolen'"> & "friends""#

    private static func answer(to name: String, _ id: String) async throws -> Response {
        switch name {
        case "missing":
            return Response(status: .notFound)
        case "another":
            return try document(id: id + "-of-another")
        case "page":
            return Response(
                status: .ok, headers: [.contentType: "text/html"], body: .init(byteBuffer: ByteBuffer(string: "{}")))
        case "nonsense":
            return json("no JSON")
        case "large":
            return try document(id: id, summary: String(repeating: "a", count: 300_000))
        case "elsewhere":
            return Response(status: .movedPermanently, headers: [.location: id.replacing("elsewhere", with: "alice")])
        case "slow":
            // A byte now and then, for a minute: no single wait is long.
            let body = ResponseBody { writer in
                for _ in 0..<1200 {
                    try await writer.write(ByteBuffer(string: " "))
                    try await Task.sleep(for: .milliseconds(50))
                }
                try await writer.finish(nil)
            }
            return Response(status: .ok, headers: [.contentType: "application/activity+json"], body: body)
        case "evil":
            return try document(id: id, name: evilName)
        default:
            return try document(id: id, name: name)
        }
    }

    private static func document(id: String, name: String = "", summary: String = "") throws -> Response {
        let document = ["id": id, "type": "Person", "name": name, "summary": summary]
        return json(String(decoding: try JSONEncoder().encode(document), as: UTF8.self))
    }

    private static func json(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/activity+json; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
