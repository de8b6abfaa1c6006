import FedifyKv
import Foundation

/// Which activities are being handled, and which have been, so that each is handled once however often it arrives, at
/// whichever server.
///
/// A server claims an activity for a short time, handles it, and then marks it done for a long time. A server that
/// crashes in between leaves a claim that ends; the sender, who had no answer, tries again, and the activity is handled
/// then. So one whose server crashed after the work and before the mark is handled twice: the work has to bear that.
struct ActivityLedger: Sendable {
    let kv: any KvStore
    let claimLife: Duration
    let doneLife: Duration

    enum Claim: Sendable {
        case ours(JSONValue)
        case another
        case done
    }

    private static let done = JSONValue(uncheckedJSON: #""done""#)

    /// Claims an activity: one of all that try gets it.
    func claim(_ id: String) async throws -> Claim {
        let claim = try JSONValue(encoding: ["claimedBy": UUID().uuidString])
        if try await kv.cas(key(id), expected: nil, new: claim, ttl: claimLife) { return .ours(claim) }
        return try await kv.get(key(id)) == Self.done ? .done : .another
    }

    /// The work is done: that is so even if the claim has ended and another has begun to do it again.
    func finish(_ id: String) async throws {
        try await kv.set(key(id), Self.done, ttl: doneLife)
    }

    /// The work failed: it can be tried again at once. A claim that is another's by now stays.
    func release(_ id: String, _ claim: JSONValue) async throws {
        _ = try await kv.cas(key(id), expected: claim, new: nil)
    }

    private func key(_ id: String) -> KvKey {
        ["activities", id]
    }
}
