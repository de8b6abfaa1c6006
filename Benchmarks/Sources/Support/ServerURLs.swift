import Foundation

/// The servers that MYSQL_URL names.
package enum ServerURLs {
    /// Nobody's connections are encrypted: it is the same for all, and measures no cipher.
    package static func fromEnvironment() throws -> [String] {
        let urls = (ProcessInfo.processInfo.environment["MYSQL_URL"] ?? "").split(separator: " ").map(String.init)
        guard !urls.isEmpty else { throw Failure(description: "MYSQL_URL names no server") }
        return urls.map { $0 + ($0.contains("?") ? "&" : "?") + "tls=off&allow-public-key-retrieval=true" }
    }
}
