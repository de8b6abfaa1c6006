import Foundation

/// The address of something on another server: http or https, short, plain ASCII, and of a named host.
struct RemoteURL: Sendable, Hashable {
    /// As it was received: ids are compared by their text.
    let text: String
    /// The host, in lower case, and the port.
    let host: String
    let port: Int
    /// The request URL: the text without fragment, its host in lower case.
    let request: String

    init?(_ text: String) {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != 0x5c }
        guard isPlain, text.utf8.count <= 500, var parts = URLComponents(string: text) else { return nil }
        let ports = ["http": 80, "https": 443]
        guard let scheme = parts.scheme?.lowercased(), let usual = ports[scheme] else { return nil }
        guard let host = parts.host?.lowercased(), !host.isEmpty else { return nil }
        guard parts.user == nil, parts.password == nil, (1...65535).contains(parts.port ?? usual) else { return nil }
        parts.scheme = scheme
        parts.host = host
        parts.fragment = nil
        guard let request = parts.string else { return nil }
        self.text = text
        self.host = host.trimmingCharacters(in: ["[", "]"])
        self.port = parts.port ?? usual
        self.request = request
    }

    /// The host and the port.
    var server: String { "\(host):\(port)" }

    /// Both are of one server, so that the one may speak for the other.
    func isOfSameServer(as other: RemoteURL) -> Bool {
        server == other.server
    }
}
