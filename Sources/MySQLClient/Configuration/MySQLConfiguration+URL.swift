import Foundation

extension MySQLConfiguration {
    /// A configuration from a URL: `mysql://user:password@host:3306/database?name=value&…` (or `mariadb://`).
    ///
    /// Special characters are percent-encoded, an IPv6 address stands in brackets. Several hosts are separated by
    /// commas, each with a port of its own if need be; see ``MySQLConfiguration/addresses``. The names:
    /// - `socket`: the path of a Unix socket, in the place of host and port;
    /// - `tls`: `off`, `prefer`, `require`, `verify-ca`, `verify-identity`; `tls-ca`: the authorities' PEM file;
    /// - `tls-cert`, `tls-key`: the client's certificate and private key, PEM files;
    /// - `server-public-key`: the server's RSA key, a PEM file; `allow-public-key-retrieval`: `true` or `false`;
    /// - `allow-cleartext-password`: `true` or `false`, see ``MySQLConfiguration/allowCleartextPassword``;
    /// - `connect-timeout`, `deadline`: in seconds, fractions allowed;
    /// - `pool-size`: the most connections.
    ///
    /// Parameters of other drivers that have an equal are read as that, `ssl-mode=REQUIRED` as `tls=require`; of others
    /// the error says what to write. The manual has a table of them.
    ///
    /// - Throws: ``MySQLError`` `invalidConfiguration`, which says what is wrong, without the password.
    public init(url: String) throws(MySQLError) {
        func invalid(_ reason: String) -> MySQLError {
            MySQLError(.invalidConfiguration, "the database URL is wrong: \(reason)")
        }
        func decoded(_ text: Substring.UnicodeScalarView, _ what: String) throws(MySQLError) -> String {
            guard let result = percentDecoded(text) else {
                throw invalid("\(what) has a % that isn't followed by two hexadecimal digits, or isn't UTF-8")
            }
            return result
        }

        guard let schemeEnd = url.range(of: "://", options: .literal) else {
            throw invalid("it begins with no mysql:// or mariadb://")
        }
        guard ["mysql", "mariadb"].contains(url[..<schemeEnd.lowerBound].lowercased()) else {
            throw invalid("its scheme is neither mysql nor mariadb")
        }
        // Scalars, not characters: a combining accent behind an @ would hide it.
        let rest = url[schemeEnd.upperBound...].unicodeScalars
        let nothing = rest[..<rest.startIndex]
        guard !rest.contains("#") else { throw invalid("it has a #; write %23 in a password or name") }
        let queryStart = rest.firstIndex(of: "?") ?? rest.endIndex
        let path = rest[..<queryStart]
        let query = rest[queryStart...].dropFirst()
        // A password with a ? in it: the rest of it would be named as a parameter.
        guard !query.contains("@") else {
            throw invalid("it has an @ behind a ?; write %3F in a password or name, %40 in a parameter")
        }
        let slash = path.lastIndex(of: "@").map { path[$0...].firstIndex(of: "/") } ?? path.firstIndex(of: "/")
        let authority = path[..<(slash ?? path.endIndex)]
        let database = try decoded(slash.map { path[$0...].dropFirst() } ?? nothing, "the database")

        let at = authority.lastIndex(of: "@")
        let credentials = at.map { authority[..<$0] } ?? nothing
        let hostAndPort = at.map { authority[authority.index(after: $0)...] } ?? authority
        let colon = credentials.firstIndex(of: ":")
        let user = try decoded(credentials[..<(colon ?? credentials.endIndex)], "the user")
        let password = try decoded(colon.map { credentials[$0...].dropFirst() } ?? nothing, "the password")

        var parameters: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let equals = pair.firstIndex(of: "=")
            let name = try decoded(pair[..<(equals ?? pair.endIndex)], "a parameter's name")
            guard let equals else { throw invalid("the parameter \(name.escaped()) has no value") }
            let value = try decoded(pair[equals...].dropFirst(), "the parameter \(name.escaped())")
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw invalid("the parameter \(name.escaped()) is there twice")
            }
        }
        parameters = try URLAliases.translated(parameters, invalid)
        func take<T>(_ name: String, _ expected: String, _ convert: (String) -> T?) throws(MySQLError) -> T? {
            guard let text = parameters.removeValue(forKey: name) else { return nil }
            guard let value = convert(text) else { throw invalid("\(name) must be \(expected)") }
            return value
        }
        func seconds(_ text: String) -> Duration? {
            guard let number = Double(text), number > 0, number <= 86400 else { return nil }
            return .seconds(number)
        }

        let socket = try take("socket", "a path") { $0.isEmpty ? nil : $0 }
        var addresses: [Address] = []
        if let socket {
            guard hostAndPort.isEmpty || String(hostAndPort) == "localhost" else {
                throw invalid("it names both a host and a socket")
            }
            addresses = [.unixSocket(path: socket)]
        } else {
            for text in hostAndPort.split(separator: ",", omittingEmptySubsequences: false) {
                addresses.append(try Self.tcpAddress(text, decoded, invalid))
            }
        }

        self.init(addresses: addresses, user: user, password: Secret(password), database: database)
        let modes = TLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
        tls.mode = try take("tls", "one of \(modes)", TLS.Mode.init) ?? tls.mode
        tls.certificateAuthorityFile = try take("tls-ca", "a path") { $0.isEmpty ? nil : $0 }
        tls.certificateFile = try take("tls-cert", "a path") { $0.isEmpty ? nil : $0 }
        tls.privateKeyFile = try take("tls-key", "a path") { $0.isEmpty ? nil : $0 }
        serverPublicKeyFile = try take("server-public-key", "a path") { $0.isEmpty ? nil : $0 }
        allowPublicKeyRetrieval = try take("allow-public-key-retrieval", "true or false", Bool.init) ?? false
        allowCleartextPassword = try take("allow-cleartext-password", "true or false", Bool.init) ?? false
        connectTimeout = try take("connect-timeout", "seconds, up to a day", seconds) ?? connectTimeout
        deadline = try take("deadline", "seconds, up to a day", seconds) ?? deadline
        pool.maximumConnections = try take("pool-size", "a number", Int.init) ?? pool.maximumConnections
        if let unknown = parameters.keys.min() {
            let known = Self.parameterNames.joined(separator: ", ")
            throw invalid("it has an unknown parameter, \(unknown.escaped()); known are \(known)")
        }
        do {
            try validate()
        } catch {
            throw invalid(error.message)
        }
    }

    /// The parameters of a URL.
    static let parameterNames = [
        "socket", "tls", "tls-ca", "tls-cert", "tls-key", "server-public-key", "allow-public-key-retrieval",
        "allow-cleartext-password", "connect-timeout", "deadline", "pool-size",
    ]

    /// A host, with or without a port.
    static func tcpAddress(
        _ text: Substring.UnicodeScalarView,
        _ decoded: (Substring.UnicodeScalarView, String) throws(MySQLError) -> String = { text, _ throws(MySQLError) in
            String(text)
        },
        _ invalid: (String) -> MySQLError
    ) throws(MySQLError) -> Address {
        var host = text
        var port: Substring.UnicodeScalarView?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw invalid("a bracket of an IPv6 address is missing") }
            host = text[..<end].dropFirst()
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw invalid("there is text behind the IPv6 address") }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[colon...].dropFirst()
            guard port?.contains(":") == false else { throw invalid("an IPv6 address must stand in brackets") }
        }
        guard let port else { return .tcp(host: try decoded(host, "the host")) }
        guard let number = UInt16(String(port)), number > 0 else {
            throw invalid("the port is no number from 1 to 65535")
        }
        return .tcp(host: try decoded(host, "the host"), port: number)
    }
}

private func percentDecoded(_ text: Substring.UnicodeScalarView) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(text).utf8[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        let digits = rest.prefix(2)
        guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
}
