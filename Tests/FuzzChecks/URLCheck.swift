import FedifyKv
import Foundation
import MySQLClient

/// The input is a database URL; its second text, if it has one, is put in with a password in front.
enum URLCheck {
    /// No message has it by itself.
    private static let marker = "Zq7Xw9Kv"

    static func check(_ input: [UInt8]) throws {
        let texts = input.texts
        try checkURL(texts[0])
        // The fuzzer has found out the marker, and puts it in anywhere.
        guard texts.count > 1, !texts.contains(where: { $0.contains(marker) }) else { return }
        let url = texts[0] + marker + texts[1]
        if let password = passwordPart(url), password.contains(marker) { try checkSecret(url) }
        try checkURL(url)
    }

    /// From the first colon after the scheme to the last @: the password as someone unaware of escapes reads it.
    private static func passwordPart(_ url: String) -> String? {
        guard let scheme = url.range(of: "://", options: .literal) else { return nil }
        let rest = url[scheme.upperBound...].utf8
        guard let colon = rest.firstIndex(of: UInt8(ascii: ":")), let at = rest.lastIndex(of: UInt8(ascii: "@")),
            colon < at
        else { return nil }
        return String(decoding: rest[colon..<at], as: UTF8.self)
    }

    private static func checkSecret(_ url: String) throws {
        var shown = ""
        do {
            let configuration = try MySQLConfiguration(url: url)
            // Of "user@host:1/…@" the part after the colon is not a password, but that can't be decided.
            guard configuration.password.text.contains(marker) else { return }
            dump(configuration, to: &shown)
            shown += "\(configuration)"
        } catch {
            shown = "\(error) \(error.message) \(error.detail)"
        }
        try expect(!shown.contains(marker), "nothing shows the password")
    }

    /// A parsed configuration can be written, and is parsed the same again.
    private static func checkURL(_ url: String) throws {
        let first: MySQLConfiguration
        do {
            first = try MySQLConfiguration(url: url)
        } catch {
            try expect(error.code == .invalidConfiguration, "a wrong URL is an invalidConfiguration")
            let controls = error.message.unicodeScalars.filter { $0.value < 0x20 || $0.value == 0x7F }
            try expect(controls.isEmpty, "a message has no control characters")
            return
        }
        let second = try MySQLConfiguration(url: write(first))
        try expect(
            first.user.isSame(as: second.user) && first.password.text.isSame(as: second.password.text)
                && first.database.isSame(as: second.database), "user, password and database read back")
        try expect("\(first.addresses)".isSame(as: "\(second.addresses)"), "the addresses read back")
        try expect(
            first.tls.mode == second.tls.mode
                && first.tls.certificateAuthorityFile == second.tls.certificateAuthorityFile
                && first.serverPublicKeyFile == second.serverPublicKeyFile
                && first.allowPublicKeyRetrieval == second.allowPublicKeyRetrieval
                && first.pool.maximumConnections == second.pool.maximumConnections,
            "the parameters read back")
    }

    private static func write(_ configuration: MySQLConfiguration) -> String {
        var parameters = [
            "tls=\(configuration.tls.mode.rawValue)", "pool-size=\(configuration.pool.maximumConnections)",
            "allow-public-key-retrieval=\(configuration.allowPublicKeyRetrieval)",
        ]
        if let file = configuration.tls.certificateAuthorityFile { parameters.append("tls-ca=\(encoded(file))") }
        if let file = configuration.serverPublicKeyFile { parameters.append("server-public-key=\(encoded(file))") }
        let hosts = configuration.addresses.compactMap { address -> String? in
            switch address {
            case .tcp(let host, let port):
                return "\(encoded(host)):\(port)"
            case .unixSocket(let path):
                parameters.append("socket=\(encoded(path))")
                return nil
            }
        }
        return "mysql://\(encoded(configuration.user)):\(encoded(configuration.password.text))@"
            + hosts.joined(separator: ",") + "/\(encoded(configuration.database))?" + parameters.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { "%" + String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
