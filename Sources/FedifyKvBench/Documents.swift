public import FedifyKv

/// The rows that workloads read and write: ActivityPub actors with keys as Fedify's, the same for every store and
/// every language.
public enum Documents {
    /// The size of a document, in bytes, by default 1 KiB.
    public static let size = 1024
    /// How many entries ``listed(_:)`` has keys for.
    public static let listedCount = 1000
    /// How many entries ``expiring(_:)`` has keys for.
    public static let expiringCount = 10_000

    /// The key of a document that never expires.
    public static func document(_ i: UInt32) -> KvKey { key("remoteDocument", "server", "/users/alice", i) }

    /// The key of a document that expires.
    public static func expiring(_ i: UInt32) -> KvKey { key("ttlDocument", "server", "/users/alice", i) }

    /// A key that no entry has.
    public static func missing(_ i: UInt32) -> KvKey { key("remoteDocument", "missing", "/users/nobody", i) }

    /// The key of an entry of the listing.
    public static func listed(_ i: UInt32) -> KvKey {
        KvKey(["_fedify", "activityIdempotence", "inbox", "https://server\(i).example/activities/\(i)"])
    }

    /// The common prefix of the listing's keys.
    public static let listedPrefix: KvKey = ["_fedify", "activityIdempotence", "inbox"]

    /// The key that one worker swaps.
    public static func swapped(_ worker: Int) -> KvKey { KvKey(["_fedify", "bench", "cas", "\(worker)"]) }

    private static func key(_ kind: String, _ server: String, _ path: String, _ i: UInt32) -> KvKey {
        KvKey(["_fedify", kind, "1", "https://\(server)\(i % 1000).example\(path)\(i)"])
    }

    /// A document as JSON, exactly `size` bytes, or as many as its members need.
    ///
    /// - Parameters:
    ///   - i: Which one.
    ///   - version: A number that it holds, so that writes differ.
    ///   - size: Its size, in bytes.
    /// - Returns: The document.
    public static func value(_ i: UInt32, version: UInt32, size: Int = size) -> JSONValue {
        let url = "https://server\(i % 1000).example/users/alice\(i)"
        var text = """
            {"@context":["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1"],"id":"\(url)",\
            "type":"Person","preferredUsername":"alice\(i)","name":"Alice \(i)","inbox":"\(url)/inbox",\
            "outbox":"\(url)/outbox","followers":"\(url)/followers","following":"\(url)/following",\
            "published":"2026-01-01T00:00:00Z","manuallyApprovesFollowers":false,"version":\(version),"summary":"
            """
        let count = max(0, size - text.utf8.count - 2)
        var random = Xorshift32(seed: (i &+ 1) &* 2_654_435_761 ^ version)
        text += String(unsafeUninitializedCapacity: count) { buffer in
            for index in 0..<count { buffer[index] = letters[Int(random.next() >> 26)] }
            return count
        }
        return JSONValue(uncheckedJSON: text + "\"}")
    }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
}

/// Marsaglia's generator of 32 bits: small, and easily the same in any language.
public struct Xorshift32: Sendable {
    private var state: UInt32

    /// A generator; zero, which it could not leave, stands for 1.
    public init(seed: UInt32) {
        state = seed == 0 ? 1 : seed
    }

    /// The generator of a worker.
    public init(worker: Int) {
        self.init(seed: 0x9E37_79B9 ^ UInt32(truncatingIfNeeded: worker + 1) &* 2_654_435_761)
    }

    /// The next number.
    public mutating func next() -> UInt32 {
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        return state
    }
}
