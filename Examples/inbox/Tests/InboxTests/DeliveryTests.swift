import FedifyMQ
import Foundation
import Testing

@testable import inbox

/// Activities arrive at the inboxes of followers, whatever other servers do.
@Suite struct DeliveryTests {
    @Test func activitiesArriveInOrder() async throws {
        try await RemoteServer.run { slow in
            try await InboxFixture.run({ $0.client.timeLimit = .seconds(60) }) { inbox throws in
                try await inbox.follow("alice", ["carol", "shaky"])
                try await inbox.follow("alice", ["dave"], at: slow)
                try await inbox.follow("bob", ["carol"])
                try await inbox.follow("bob", ["dave"], at: slow)
                slow.answers(false)
                for number in 1...4 {
                    for sender in ["alice", "bob"] {
                        #expect(try await inbox.post(inbox.activity("\(sender)-\(number)", by: sender)).status == 202)
                    }
                }
                // A server that doesn't answer holds up no other, and has one activity of each sender.
                try await eventually { inbox.remote.accepted == 12 && slow.arrivals.count == 2 }
                #expect(Set(slow.arrivals.map(\.activity)) == ["alice-1", "bob-1"])
                slow.answers(true)
                try await eventually { try await inbox.queue.depth().queued == 0 }
                let numbers = 1...4
                #expect(
                    inbox.remote.order(of: "alice")
                        == numbers.flatMap { ["alice-\($0) to carol", "alice-\($0) to shaky"] })
                #expect(inbox.remote.order(of: "bob") == numbers.map { "bob-\($0) to carol" })
                #expect(slow.order(of: "alice") == numbers.map { "alice-\($0) to dave" })
                #expect(slow.order(of: "bob") == numbers.map { "bob-\($0) to dave" })
                #expect(inbox.remote.overlapping.isEmpty && slow.overlapping.isEmpty)
                // Two failures of each delivery to one inbox, and no other ones.
                let shaky = inbox.remote.arrivals.filter { $0.inbox == "shaky" }
                #expect(shaky.map(\.status).prefix(3) == [503, 503, 202])
                #expect(inbox.remote.arrivals.count == 20 && slow.arrivals.count == 8)
                #expect(try await inbox.queue.depth().dead == 0)
            }
        }
    }

    private struct Status: Decodable {
        struct Depth: Decodable, Equatable {
            var ready: Int
            var delayed: Int
            var inWork: Int
            var dead: Int
        }
        struct DeadLetter: Decodable, Hashable {
            var host: String
            var attempts: Int
            var reason: String
        }
        var depth: Depth
        var deadLetters: [DeadLetter]

        static func of(_ inbox: InboxFixture) async throws -> Status {
            try await inbox.client.execute(uri: "/status.json", method: .get) { response in
                try JSONDecoder().decode(Status.self, from: Data(buffer: response.body))
            }
        }
    }

    /// An inbox that hangs, one that is gone, and one that asks for a pause.
    @Test func eachFailureIsAnsweredInItsWay() async throws {
        try await RemoteServer.run { other in
            try await InboxFixture.run(
                { $0.client.timeLimit = .seconds(2) }, options: { $0.delivery.maximumAttempts = 2 }
            ) {
                inbox throws in
                try await inbox.follow("alice", ["busy", "carol", "gone"])
                try await inbox.follow("alice", ["hanging"], at: other)
                #expect(try await inbox.post(inbox.activity("1")).status == 202)
                try await eventually { try await Status.of(inbox).depth.inWork > 0 }
                try await eventually { try await inbox.queue.depth().queued == 0 }
                #expect(inbox.remote.arrivals.map(\.inbox) == ["busy", "busy", "carol", "gone"])
                #expect(inbox.remote.arrivals.map(\.status) == [429, 200, 202, 404])
                // Longer than any pause that the queue makes by itself.
                let times = inbox.remote.arrivals.map(\.time)
                #expect(times.count > 1 && times[0].duration(to: times[1]) >= .seconds(1))
                #expect(other.arrivals.map(\.inbox) == ["hanging", "hanging"])
                let status = try await Status.of(inbox)
                #expect(status.depth == .init(ready: 0, delayed: 0, inWork: 0, dead: 2))
                let host = { (remote: RemoteServer) in remote.origin.replacing("http://", with: "") }
                #expect(
                    Set(status.deadLetters) == [
                        .init(host: host(inbox.remote), attempts: 1, reason: "the inbox answered 404"),
                        .init(host: host(other), attempts: 2, reason: "it took too long"),
                    ])
                // A dead letter holds up no other.
                #expect(try await inbox.post(inbox.activity("2")).status == 202)
                try await eventually { inbox.remote.arrivals.contains { $0.inbox == "carol" && $0.activity == "2" } }
            }
        }
    }

    @Test func nothingIsDeliveredToThisMachineUnlessAllowed() async throws {
        try await InboxFixture.run({ $0.client.allowsLoopback = false }, options: { $0.delivery.maximumAttempts = 1 }) {
            inbox throws in
            try await inbox.kv.set(FanOut.key("1"), ["id": "1"])
            for activity in ["1", "absent"] {
                try await inbox.queue.enqueue(Delivery(inbox: "\(inbox.origin)/inboxes/carol", activity: activity))
            }
            try await eventually { try await inbox.queue.depth().dead == 2 }
            #expect(
                try await Set(inbox.queue.deadMessages().map(\.reason)) == [
                    "its address isn't a public one", "the activity isn't kept any more",
                ])
            #expect(inbox.remote.arrivals.isEmpty)
        }
    }
}

extension InboxFixture {
    /// Has actors follow one of the other server.
    func follow(_ followed: String, _ followers: [String], at server: RemoteServer? = nil) async throws {
        for follower in followers {
            let follow = (server ?? remote).follow("\(origin)/actors/\(followed)", by: follower)
            #expect(try await post(follow).status == 202)
        }
    }
}

extension RemoteServer {
    /// An actor of this server follows another one.
    func follow(_ followed: String, by follower: String) -> String {
        activity("follow-\(UUID().uuidString)", type: "Follow", by: follower, object: followed)
    }

    /// How many activities its inboxes have accepted.
    var accepted: Int { arrivals.count { $0.status == 202 } }

    /// A sender's activities as they came, each repetition left out.
    func order(of sender: String) -> [String] {
        arrivals.filter { $0.sender.hasSuffix("/\(sender)") }.map { "\($0.activity) to \($0.inbox)" }
            .reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }
}
