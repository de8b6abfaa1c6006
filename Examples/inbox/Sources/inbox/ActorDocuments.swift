import FedifyKv
import Hummingbird

/// The documents of remote actors, fetched once an hour however many activities the actors send.
struct ActorDocuments: Sendable {
    let kv: any KvStore
    let fetch: @Sendable (RemoteURL) async throws -> JSONValue
    let life: Duration
    let failureLife: Duration
    let measurements: Measurements

    /// An actor's document. Throws an HTTPError if it can't be had: the sender tries again later.
    func document(of actor: RemoteURL) async throws -> ActorDocument {
        let key: KvKey = ["actors", actor.text]
        let cached = try await kv.get(key)
        measurements.looked(found: cached != nil)
        if let cached {
            // A null says that it could not be had a moment ago.
            guard cached != .null else { throw Self.unavailable }
            return try cached.decode()
        }
        let document: JSONValue
        let decoded: ActorDocument
        do {
            document = try await fetch(actor)
            decoded = try document.decode()
            // A server speaks only for the actors at its own addresses.
            guard decoded.id == actor.text else { throw Self.unavailable }
            try await kv.set(key, document, ttl: life)
        } catch {
            try Task.checkCancellation()
            try await kv.set(key, .null, ttl: failureLife)
            throw Self.unavailable
        }
        return decoded
    }

    private static let unavailable = HTTPError(.badGateway, message: "the actor's document can't be had")
}
