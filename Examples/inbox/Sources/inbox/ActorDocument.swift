import FedifyKv
import Foundation

/// An actor, as far as the inbox looks into it.
struct ActorDocument: Sendable, Decodable {
    var id: String
    var type: String
    var name: String?
    var preferredUsername: String?
    var inbox: String?

    var displayName: String { name ?? preferredUsername ?? id }
}
