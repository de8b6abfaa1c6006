import Foundation

extension MySQLConfiguration {
    /// A configuration from a URL: `mysql://user:password@host:3306/database?name=value&…` (or `mariadb://`).
    ///
    /// Special characters are percent-encoded, an IPv6 address is written in brackets. Several hosts are separated by
    /// commas, each optionally with a port; see ``MySQLConfiguration/addresses``. The parameters have the names
    /// of the properties, as the keys of a `ConfigReader` have, with hyphens (`pool-maximum-connections` is
    /// `pool.maximumConnections`), and the same limits; some have a short alias:
    /// - `socket`: the path of a Unix socket, instead of host and port;
    /// - `tls-mode` (alias `tls`): `off`, `prefer`, `require`, `verify-ca`, `verify-identity`;
    /// - `tls-certificate-authority-file` (`tls-ca`), `tls-certificate-file` (`tls-cert`), `tls-private-key-file`
    ///   (`tls-key`), `server-public-key-file` (`server-public-key`): paths of PEM files;
    /// - `allow-public-key-retrieval`, `allow-cleartext-password`: `true` or `false`;
    /// - `connect-timeout`, `operation-timeout` (`deadline`), `lock-wait-timeout`, `pool-acquisition-timeout`,
    ///   `pool-idle-timeout`, `pool-maximum-lifetime`: in seconds, fractions allowed;
    /// - `pool-maximum-connections` (`pool-size`), `pool-maximum-queued-operations`, `maximum-packet-size`,
    ///   `maximum-prepared-statements`: whole numbers.
    ///
    /// Parameters of other drivers with an equivalent are accepted, `ssl-mode=REQUIRED` as `tls=require`; for others
    /// the error says what to write. The article Configuration of `FedifyMySQL` lists them.
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
            throw invalid("it doesn't begin with mysql:// or mariadb://")
        }
        guard ["mysql", "mariadb"].contains(url[..<schemeEnd.lowerBound].lowercased()) else {
            throw invalid("its scheme is neither mysql nor mariadb")
        }
        // Scalars, not characters: a combining accent after an @ would hide it.
        let rest = url[schemeEnd.upperBound...].unicodeScalars
        let nothing = rest[..<rest.startIndex]
        guard !rest.contains("#") else { throw invalid("it has a #; write %23 in a password or name") }
        let queryStart = rest.firstIndex(of: "?") ?? rest.endIndex
        let path = rest[..<queryStart]
        let query = rest[queryStart...].dropFirst()
        // A password with a ? in it: the rest of it would be named as a parameter.
        guard !query.contains("@") else {
            throw invalid("it has an @ after a ?; write %3F in a password or name, %40 in a parameter")
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
                throw invalid("the parameter \(name.escaped()) is given twice")
            }
        }
        parameters = try URLAliases.translated(parameters, invalid)
        var known: [String] = []
        func take<T>(
            _ name: String, alias: String? = nil, _ expected: String, _ convert: (String) -> T?
        ) throws(MySQLError) -> T? {
            known.append(alias.map { "\(name) (\($0))" } ?? name)
            let text = parameters.removeValue(forKey: name)
            let short = alias.flatMap { parameters.removeValue(forKey: $0) }
            guard text == nil || short == nil else { throw invalid("\(name) is given twice, by both its names") }
            guard let found = text ?? short else { return nil }
            guard let value = convert(found) else {
                throw invalid("\(text == nil ? alias ?? name : name) must be \(expected)")
            }
            return value
        }
        func set(_ setting: inout Bool, _ name: String) throws(MySQLError) {
            setting = try take(name, "true or false", Bool.init) ?? setting
        }
        func set(_ setting: inout Int, _ name: String, alias: String? = nil) throws(MySQLError) {
            setting = try take(name, alias: alias, "a whole number") { Int($0) } ?? setting
        }
        func set(_ setting: inout Duration, _ name: String, alias: String? = nil) throws(MySQLError) {
            setting = try take(name, alias: alias, Self.secondsExpected) { Double($0).flatMap(Self.seconds) } ?? setting
        }
        func set(_ setting: inout String?, _ name: String, alias: String) throws(MySQLError) {
            setting = try take(name, alias: alias, "a path") { $0.isEmpty ? nil : $0 } ?? setting
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

        self.init(addresses: addresses, user: user, password: Password(password), database: database)
        let modes = TLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
        tls.mode = try take("tls-mode", alias: "tls", "one of \(modes)", TLS.Mode.init) ?? tls.mode
        try set(&tls.certificateAuthorityFile, "tls-certificate-authority-file", alias: "tls-ca")
        try set(&tls.certificateFile, "tls-certificate-file", alias: "tls-cert")
        try set(&tls.privateKeyFile, "tls-private-key-file", alias: "tls-key")
        try set(&serverPublicKeyFile, "server-public-key-file", alias: "server-public-key")
        try set(&allowPublicKeyRetrieval, "allow-public-key-retrieval")
        try set(&allowCleartextPassword, "allow-cleartext-password")
        try set(&connectTimeout, "connect-timeout")
        try set(&operationTimeout, "operation-timeout", alias: "deadline")
        try set(&lockWaitTimeout, "lock-wait-timeout")
        try set(&maximumPacketSize, "maximum-packet-size")
        try set(&maximumPreparedStatements, "maximum-prepared-statements")
        try set(&pool.maximumConnections, "pool-maximum-connections", alias: "pool-size")
        pool.acquisitionTimeout =
            try take("pool-acquisition-timeout", Self.secondsExpected) { Double($0).flatMap(Self.seconds) }
        try set(&pool.maximumQueuedOperations, "pool-maximum-queued-operations")
        try set(&pool.idleTimeout, "pool-idle-timeout")
        try set(&pool.maximumLifetime, "pool-maximum-lifetime")
        if let unknown = parameters.keys.min() {
            throw invalid(
                "it has an unknown parameter, \(unknown.escaped()); known are \(known.joined(separator: ", "))")
        }
        do {
            try validate()
        } catch {
            throw invalid(error.message)
        }
    }

    /// The parameters of a URL, aliases included.
    static let parameterNames = [
        "socket", "tls-mode", "tls", "tls-certificate-authority-file", "tls-ca", "tls-certificate-file", "tls-cert",
        "tls-private-key-file", "tls-key", "server-public-key-file", "server-public-key", "allow-public-key-retrieval",
        "allow-cleartext-password", "connect-timeout", "operation-timeout", "deadline", "lock-wait-timeout",
        "maximum-packet-size", "maximum-prepared-statements", "pool-maximum-connections", "pool-size",
        "pool-acquisition-timeout", "pool-maximum-queued-operations", "pool-idle-timeout", "pool-maximum-lifetime",
    ]

    /// What ``seconds(_:)`` takes.
    static let secondsExpected = "a number of seconds, from 0 to a year"

    /// A time, as a URL and a `ConfigReader` have it; nil if it is out of bounds.
    static func seconds(_ number: Double) -> Duration? {
        number > 0 && number <= 366 * 86400 ? .seconds(number) : nil
    }

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
            guard rest.isEmpty || rest.first == ":" else { throw invalid("there is text after the IPv6 address") }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[colon...].dropFirst()
            guard port?.contains(":") == false else { throw invalid("an IPv6 address must be in brackets") }
        }
        guard let port else { return .tcp(host: try decoded(host, "the host")) }
        guard let number = UInt16(String(port)), number > 0 else {
            throw invalid("the port must be a number from 1 to 65535")
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
