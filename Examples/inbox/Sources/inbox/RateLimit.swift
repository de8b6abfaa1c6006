import FedifyKv
import Foundation

/// Counts what hosts send in windows of time, over all servers, and says when one has sent enough.
struct RateLimit: Sendable {
    let kv: any KvStore
    let limit: Int
    let window: Duration
    /// Windows are by this server's clock; one that is off counts into the wrong window, and does no other harm.
    var now: @Sendable () -> Double = { Date.now.timeIntervalSince1970 }

    /// Counts one more.
    ///
    /// - Returns: nil if the host may go on; otherwise in how many seconds.
    func count(_ host: String) async throws -> Int? {
        let now = now()
        let length = window / .seconds(1)
        let number = (now / length).rounded(.down)
        let key: KvKey = ["limits", host, String(Int(number))]
        while true {
            let counted = try await kv.get(key, as: Int.self)
            if let counted, counted >= limit { return max(1, Int(((number + 1) * length - now).rounded(.up))) }
            // If it fails, another has counted: at most as often as the limit says.
            if try await kv.cas(key, expected: counted, new: (counted ?? 0) + 1, ttl: window * 2) { return nil }
        }
    }
}
