import FedifyKv
import Hummingbird

/// Which actors follow which, and the inboxes where they take activities.
struct Followers: Sendable {
    let kv: any KvStore

    private struct Follow: Decodable {
        var object: Activity.Reference
    }

    /// Adds a follower. Throws an HTTPError with a message for the sender.
    func add(_ follow: Activity, _ actor: ActorDocument) async throws {
        let object = try? follow.json.decode(as: Follow.self).object.id
        guard let followed = object.flatMap({ RemoteURL($0) }) else {
            throw HTTPError(.unprocessableContent, message: "the object of a Follow must be an actor's URL")
        }
        // Or anybody could have activities sent to others.
        guard let inbox = actor.inbox.flatMap({ RemoteURL($0) }), inbox.isOfSameServer(as: follow.actor) else {
            throw HTTPError(.unprocessableContent, message: "the actor must have an inbox of its own host")
        }
        try await kv.set(["followers", followed.text, follow.actor.text], inbox.text)
    }

    /// The inboxes of an actor's followers, each once, always in the same order.
    func inboxes(of actor: RemoteURL) async throws -> [RemoteURL] {
        var inboxes: [RemoteURL] = []
        var seen: Set<RemoteURL> = []
        for try await entry in kv.list(prefix: ["followers", actor.text]) {
            guard let inbox = RemoteURL(try entry.value.decode(as: String.self)) else { continue }
            if seen.insert(inbox).inserted { inboxes.append(inbox) }
        }
        return inboxes
    }
}
