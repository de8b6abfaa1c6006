import FedifyKv
import Testing

@testable import inbox

/// An activity is enqueued for every follower of its actor, or isn't accepted.
@Suite struct FanOutTests {
    @Test func aFollowerIsKeptWithItsInbox() async throws {
        try await InboxFixture.run { inbox throws in
            let followed = "\(inbox.origin)/actors/alice"
            #expect(try await inbox.post(inbox.remote.follow(followed, by: "carol")).status == 202)
            let key: KvKey = ["followers", followed, "\(inbox.origin)/actors/carol"]
            #expect(try await inbox.kv.get(key, as: String.self) == "\(inbox.origin)/inboxes/carol")
        }
    }

    @Test func aFollowThatCannotBeServedIsRefused() async throws {
        try await InboxFixture.run { inbox throws in
            let long = String(repeating: "a", count: 450)
            let refused = [
                inbox.activity("1", type: "Follow", by: "carol"),
                inbox.remote.follow("no URL", by: "carol"),
                inbox.remote.follow("ftp://localhost/alice", by: "carol"),
                // Its inbox is of another server.
                inbox.remote.follow("\(inbox.origin)/actors/alice", by: "attacker"),
                // Together they are longer than a key can be.
                inbox.remote.follow("https://a.example/\(long)", by: long),
            ]
            for follow in refused { #expect(try await inbox.post(follow).status == 422, "\(follow.prefix(200))") }
            #expect(try await inbox.kv.count(prefix: ["followers"]) == 0)
        }
    }

    /// A failure or a crash at any moment of the fan-out: the sender tries again, and every inbox gets the activity.
    @Test(arguments: [1, 2], [false, true])
    func aFanOutThatFailedIsDoneAgain(call: Int, isEnqueued: Bool) async throws {
        try await RemoteServer.run { other in
            try await InboxFixture.run(through: {
                UnreliableQueue($0, failingAt: call, isEnqueued: isEnqueued)
            }) { inbox throws in
                let followed = "\(inbox.origin)/actors/alice"
                #expect(try await inbox.post(inbox.remote.follow(followed, by: "carol")).status == 202)
                #expect(try await inbox.post(other.follow(followed, by: "dave")).status == 202)
                #expect(try await inbox.post(inbox.activity("1")).status == 500)
                #expect(try await inbox.kv.get(["activities", "\(inbox.origin)/activities/1"]) == nil)
                #expect(try await inbox.post(inbox.activity("1")).status == 202)
                #expect(try await inbox.post(inbox.activity("1")).status == 200)
                try await eventually { try await inbox.queue.depth().queued == 0 }
                // Messages that were enqueued before the failure come twice.
                let times = [inbox.remote, other].map { $0.arrivals.count { $0.status == 202 } }.sorted()
                #expect(times == (call == 1 && !isEnqueued ? [1, 1] : call == 2 && isEnqueued ? [2, 2] : [1, 2]))
            }
        }
    }
}
