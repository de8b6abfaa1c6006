/// An ActivityPub actor, as another server publishes it.
struct Actor: Codable {
    var context = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"]
    var id: String
    var type = "Person"
    var preferredUsername: String
    var name: String
    var inbox: String
    var outbox: String
    var publicKey: PublicKey

    struct PublicKey: Codable {
        var id: String
        var owner: String
        var publicKeyPem: String
    }

    enum CodingKeys: String, CodingKey {
        case context = "@context"
        case id, type, preferredUsername, name, inbox, outbox, publicKey
    }
}

/// An ActivityPub activity, as it comes to an inbox.
struct Activity: Codable {
    var id: String
    var type: String
    var actor: String
    var object: String
}

let alice = Actor(
    id: "https://social.example/users/alice",
    preferredUsername: "alice",
    name: "Alice",
    inbox: "https://social.example/users/alice/inbox",
    outbox: "https://social.example/users/alice/outbox",
    publicKey: .init(
        id: "https://social.example/users/alice#main-key",
        owner: "https://social.example/users/alice",
        publicKeyPem: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"))
