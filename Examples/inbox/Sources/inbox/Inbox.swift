import FedifyKv
import Foundation
import HTTPTypes
import Hummingbird

/// Takes activities from other servers.
struct Inbox: Sendable {
    let ledger: ActivityLedger
    let rates: RateLimit
    let actors: ActorDocuments
    let measurements: Measurements
    /// Executes an activity, possibly twice; see ``ActivityLedger``.
    let handle: @Sendable (Activity, ActorDocument) async throws -> Void

    static let maximumBody = 64 << 10

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.post("inbox") { request, _ -> Response in
            do {
                let answer = try await receive(request)
                measurements.answered(answer.head.status.code)
                return answer
            } catch {
                measurements.answered((error as? any HTTPResponseError)?.status.code ?? 500)
                throw error
            }
        }
    }

    private func receive(_ request: Request) async throws -> Response {
        guard Self.isJSON(request.headers[.contentType]?.lowercased() ?? "") else {
            throw HTTPError(.unsupportedMediaType, message: "the body must be application/activity+json")
        }
        let body = try await request.body.collect(upTo: Self.maximumBody)
        let activity = try Activity(posted: String(buffer: body))
        // Only a signature proves the sender's host; a real inbox verifies it here, before anything is counted.
        if let seconds = try await rates.count(activity.actor.host) {
            throw HTTPError(
                .tooManyRequests, headers: [.retryAfter: String(seconds)], message: "too many from this host")
        }
        let id = activity.id.text
        switch try await ledger.claim(id) {
        case .done:
            return Self.answer(.ok, "already handled")
        case .another:
            // Not "accepted": if the one at work crashes, the sender is the only one who still has the activity.
            throw HTTPError(.serviceUnavailable, headers: [.retryAfter: "5"], message: "being handled, not yet done")
        case .ours(let claim):
            do {
                try await work(on: activity)
            } catch {
                // If this fails too, the claim ends by itself.
                try? await ledger.release(id, claim)
                throw error
            }
            try await ledger.finish(id)
            return Self.answer(.accepted, "accepted")
        }
    }

    private func work(on activity: Activity) async throws {
        let actor = try await actors.document(of: activity.actor)
        do {
            try await handle(activity, actor)
        } catch let error as KvError where [.keyTooLong, .unsupportedValue, .valueTooLarge].contains(error.code) {
            throw HTTPError(.unprocessableContent, message: "the activity can't be kept as it is")
        }
        measurements.handled(.init(type: activity.type, actor: actor.displayName, host: activity.actor.host))
    }

    static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
        return ["application/activity+json", "application/ld+json", "application/json"].contains(type)
    }

    private static func answer(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: #"{"status":"\#(text)"}"#)))
    }
}
