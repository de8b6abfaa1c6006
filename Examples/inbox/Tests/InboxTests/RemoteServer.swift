import Foundation
import Hummingbird
import HummingbirdTesting
import Synchronization

/// Another server, on this machine, with actors of all sorts, and their inboxes.
final class RemoteServer: Sendable {
    /// An activity that came to an inbox.
    struct Arrival: Sendable {
        var inbox: String
        var activity: String
        var sender: String
        /// nil: it isn't answered yet.
        var status: Int?
        let time = ContinuousClock.now
    }

    private struct State {
        var requests: [String: Int] = [:]
        var arrivals: [Arrival] = []
        /// Activities that came while another one of their sender was not yet answered.
        var overlapping: [String] = []
    }

    private let state = Mutex(State())
    private let answering = Gate(isOpen: true)
    private let end = Gate(isOpen: false)
    /// The URL, without a path.
    let origin: String

    private init(origin: String) {
        self.origin = origin
    }

    /// How often a path was asked for.
    func count(_ path: String) -> Int {
        state.withLock { $0.requests[path] ?? 0 }
    }

    /// What came to the inboxes, in order.
    var arrivals: [Arrival] { state.withLock { $0.arrivals } }

    var overlapping: [String] { state.withLock { $0.overlapping } }

    /// Inboxes answer from now on, or don't.
    func answers(_ isAnswering: Bool) {
        if isAnswering { answering.open() } else { answering.close() }
    }

    /// An activity of an actor of this server.
    func activity(
        _ name: String, type: String = "Create", by actor: String = "alice", object: String? = nil
    ) -> String {
        let id = #""id":"\#(origin)/activities/\#(name)""#
        let object = object.map { #","object":"\#($0)""# } ?? ""
        return #"{\#(id),"type":"\#(type)","actor":"\#(origin)/actors/\#(actor)"\#(object)}"#
    }

    /// Runs a test while the server runs.
    static func run(_ test: @Sendable (RemoteServer) async throws -> Void) async throws {
        let servers = Mutex<RemoteServer?>(nil)
        let router = Router()
        router.get("actors/:name") { request, context -> Response in
            guard let server = servers.withLock({ $0 }) else { return Response(status: .notFound) }
            server.state.withLock { $0.requests[request.uri.path, default: 0] += 1 }
            let name = try context.parameters.require("name")
            return try await answer(to: name, "http://\(request.head.authority ?? "")\(request.uri.path)")
        }
        router.post("inboxes/:name") { request, context -> Response in
            guard let server = servers.withLock({ $0 }) else { return Response(status: .notFound) }
            let body = try await request.body.collect(upTo: 1 << 20)
            return try await server.take(Data(buffer: body), try context.parameters.require("name"))
        }
        try await Application(router: router).test(.ahc()) { client in
            let server = RemoteServer(origin: "http://localhost:\(client.port ?? 0)")
            servers.withLock { $0 = server }
            // Or the server could not end.
            defer {
                server.end.open()
                server.answering.open()
            }
            try await test(server)
        }
    }

    // MARK: - Inboxes

    private struct Posted: Decodable {
        var id: String
        var actor: String
    }

    private func take(_ body: Data, _ inbox: String) async throws -> Response {
        let posted = try JSONDecoder().decode(Posted.self, from: body)
        let activity = posted.id.split(separator: "/").last.map(String.init) ?? ""
        let (index, attempt) = state.withLock { state in
            if state.arrivals.contains(where: { $0.sender == posted.actor && $0.status == nil }) {
                state.overlapping.append(activity)
            }
            let attempt = state.arrivals.count { $0.inbox == inbox && $0.activity == activity } + 1
            state.arrivals.append(Arrival(inbox: inbox, activity: activity, sender: posted.actor))
            return (state.arrivals.count - 1, attempt)
        }
        await answering.pass()
        let response: Response
        switch inbox {
        case "gone", "evil": response = Response(status: .notFound)
        case "shaky": response = Response(status: attempt < 3 ? .serviceUnavailable : .accepted)
        case "busy":
            response =
                attempt == 1 ? Response(status: .tooManyRequests, headers: [.retryAfter: "1"]) : Response(status: .ok)
        case "hanging":
            await end.pass()
            response = Response(status: .accepted)
        default: response = Response(status: .accepted)
        }
        state.withLock { $0.arrivals[index].status = response.status.code }
        return response
    }

    // MARK: - Actors

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
        case "attacker":
            return try document(id: id, name: name, inbox: "https://victim.example/inbox")
        default:
            return try document(id: id, name: name)
        }
    }

    private static func document(
        id: String, name: String = "", summary: String = "", inbox: String? = nil
    ) throws -> Response {
        let document = [
            "id": id, "type": "Person", "name": name, "summary": summary,
            "inbox": inbox ?? id.replacing("/actors/", with: "/inboxes/"),
        ]
        return json(String(decoding: try JSONEncoder().encode(document), as: UTF8.self))
    }

    private static func json(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/activity+json; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
