import FedifyKv
import Foundation
import Hummingbird

/// An activity, as far as the inbox looks into it.
struct Activity: Sendable {
    let id: RemoteURL
    let type: String
    let actor: RemoteURL
    /// All of it.
    let json: JSONValue

    static let types: Set = [
        "Accept", "Add", "Announce", "Block", "Create", "Delete", "Flag", "Follow", "Like", "Move", "Reject", "Remove",
        "Undo", "Update",
    ]

    /// An activity from what was posted. Throws an HTTPError with a message for the sender.
    init(posted text: String) throws {
        let json: JSONValue
        let parts: Parts
        do {
            json = try JSONValue(json: text)
            parts = try json.decode()
        } catch {
            throw HTTPError(.badRequest, message: "the body isn't a JSON object with the texts id, type and actor")
        }
        guard let id = RemoteURL(parts.id), let actor = RemoteURL(parts.actor.id) else {
            throw HTTPError(.badRequest, message: "id and actor must be http or https URLs of at most 500 characters")
        }
        // Or anybody could have another's activity taken for handled.
        guard id.isOfSameServer(as: actor) else {
            throw HTTPError(.badRequest, message: "id and actor must be of one host")
        }
        guard Self.types.contains(parts.type) else {
            throw HTTPError(.unprocessableContent, message: "activities of this type aren't handled here")
        }
        self.id = id
        self.type = parts.type
        self.actor = actor
        self.json = json
    }

    private struct Parts: Decodable {
        var id: String
        var type: String
        var actor: Reference
    }

    /// An id, by itself or in the object that it is of.
    struct Reference: Decodable {
        var id: String

        private enum Key: CodingKey {
            case id
        }

        init(from decoder: any Decoder) throws {
            if let id = try? decoder.singleValueContainer().decode(String.self) {
                self.id = id
            } else {
                id = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .id)
            }
        }
    }
}
