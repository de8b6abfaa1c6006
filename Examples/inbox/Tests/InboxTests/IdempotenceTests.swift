import FedifyKv
import HTTPTypes
import Testing

@testable import inbox

/// Each activity is handled once, and none is lost.
@Suite struct IdempotenceTests {
    private struct Failure: Error {}

    @Test(arguments: ["Create", "Follow", "Like", "Announce", "Undo"])
    func anActivityIsHandledOnce(type: String) async throws {
        let handled = Counter()
        try await InboxFixture.run(handle: { activity, _ in handled.add(activity) }) { inbox throws in
            #expect(try await inbox.post(inbox.activity("1", type: type)).status == 202)
            #expect(try await inbox.post(inbox.activity("1", type: type)).status == 200)
            #expect(try await inbox.post(inbox.activity("1", type: type)).status == 200)
            #expect(try await inbox.post(inbox.activity("2", type: type)).status == 202)
            #expect(handled.all == ["\(inbox.origin)/activities/1", "\(inbox.origin)/activities/2"])
        }
    }

    @Test func anActivityIsKeptAsItCame() async throws {
        try await InboxFixture.run { inbox throws in
            let activity = inbox.activity("1")
            #expect(try await inbox.post(activity).status == 202)
            #expect(try await inbox.kv.get(["inbox", "\(inbox.origin)/activities/1"]) == JSONValue(json: activity))
        }
    }

    @Test func ofManyAtOnceOneIsHandled() async throws {
        let handled = Counter()
        try await InboxFixture.run(handle: { activity, _ in handled.add(activity) }) { inbox throws in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<30 { group.addTask { try await inbox.post(inbox.activity("1")).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 202 } == 1)
            // Those that came while it was being handled are asked to retry, as their outcome isn't known yet.
            #expect(statuses.allSatisfy { [200, 202, 503].contains($0) })
            #expect(handled.all.count == 1)
            #expect(try await inbox.post(inbox.activity("1")).status == 200)
        }
    }

    /// Without the server, which lets requests of one host in one by one, as it counts them.
    @Test func ofManyClaimsOneIsGiven() async throws {
        try await InboxFixture.run { inbox throws in
            let ledger = ActivityLedger(kv: inbox.kv, claimLife: .seconds(60), doneLife: .seconds(60))
            let given = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        if case .ours = try await ledger.claim("a") { return true }
                        return false
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(given == 1)
        }
    }

    /// A server that crashes at work leaves a claim without a mark.
    @Test func aCrashAtWorkLosesNothing() async throws {
        let handled = Counter()
        try await InboxFixture.run(
            { $0.claimLife = .seconds(2) },
            handle: {
                handled.add($0); _ = $1
            }
        ) { inbox throws in
            let crashed = ActivityLedger(kv: inbox.kv, claimLife: .seconds(2), doneLife: .seconds(60))
            guard case .ours = try await crashed.claim("\(inbox.origin)/activities/1") else {
                Issue.record("it isn't claimed yet")
                return
            }
            let meanwhile = try await inbox.post(inbox.activity("1"))
            #expect(meanwhile.status == 503 && meanwhile.retryAfter != nil)
            #expect(handled.all.isEmpty)
            // The sender tries again.
            try await eventually { try await inbox.post(inbox.activity("1")).status == 202 }
            #expect(handled.all.count == 1)
            #expect(try await inbox.post(inbox.activity("1")).status == 200)
        }
    }

    @Test func aFailureIsTriedAgainAtOnce() async throws {
        let handled = Counter()
        try await InboxFixture.run(handle: { activity, _ in if handled.add(activity) == 1 { throw Failure() } }) {
            inbox throws in
            #expect(try await inbox.post(inbox.activity("1")).status == 500)
            #expect(try await inbox.post(inbox.activity("1")).status == 202)
            #expect(try await inbox.post(inbox.activity("1")).status == 200)
            #expect(handled.all.count == 2)
        }
    }

    /// Work that took longer than its claim is done all the same.
    @Test func theMarkDoesNotDependOnTheClaim() async throws {
        try await InboxFixture.run({ $0.claimLife = .microseconds(1) }) { inbox throws in
            #expect(try await inbox.post(inbox.activity("1")).status == 202)
            #expect(try await inbox.post(inbox.activity("1")).status == 200)
        }
    }

    /// A server whose claim has ended takes neither another's claim away, nor the mark.
    @Test func aReleaseIsOfOnesOwnClaim() async throws {
        try await InboxFixture.run { inbox throws in
            let slow = ActivityLedger(kv: inbox.kv, claimLife: .microseconds(1), doneLife: .seconds(60))
            let quick = ActivityLedger(kv: inbox.kv, claimLife: .seconds(60), doneLife: .seconds(60))
            guard case .ours(let old) = try await slow.claim("a") else {
                Issue.record("it isn't claimed yet")
                return
            }
            var new: JSONValue?
            try await eventually {
                if case .ours(let claim) = try await quick.claim("a") { new = claim }
                return new != nil
            }
            try await slow.release("a", old)
            guard case .another = try await quick.claim("a") else {
                Issue.record("the claim is gone")
                return
            }
            try await quick.finish("a")
            try await slow.release("a", old)
            guard case .done = try await quick.claim("a") else {
                Issue.record("the mark is gone")
                return
            }
        }
    }
}
