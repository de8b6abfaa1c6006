import FedifyKv
import FedifyMQ

/// The work of this example: an activity is kept, and enqueued for the inbox of each follower of its actor.
///
/// If it fails, or the server crashes before the activity is marked as done, all of it is done again: inboxes may get an
/// activity twice, and know it by its id.
struct FanOut: Sendable {
    let kv: any KvStore
    let queue: any MessageQueue

    func handle(_ activity: Activity, from actor: ActorDocument) async throws {
        let followers = Followers(kv: kv)
        if activity.type == "Follow" { try await followers.add(activity, actor) }
        // Before the messages, whose handlers read it.
        try await kv.set(Self.key(activity.id.text), activity.json, ttl: .seconds(30 * 86400))
        let inboxes = try await followers.inboxes(of: activity.actor)
        for (server, inboxes) in Dictionary(grouping: inboxes, by: \.server) {
            // One sender's activities reach a server in order, and one at a time. All of these messages, or none.
            try await queue.enqueue(
                inboxes.map { Delivery(inbox: $0.text, activity: activity.id.text) },
                orderingKey: "\(activity.actor.text) \(server)")
        }
    }

    /// Where an activity is kept.
    static func key(_ id: String) -> KvKey {
        ["inbox", id]
    }
}
