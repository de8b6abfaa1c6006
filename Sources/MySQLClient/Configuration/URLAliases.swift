/// Parameters of other drivers' URLs, which hosting providers and users take for granted.
///
/// Those with an equivalent are accepted. Those that are less secure than ours, or differ between drivers (seconds or
/// milliseconds, for example), are refused with an error that says what to write.
enum URLAliases {
    private enum Rule {
        /// The same with another name.
        case name(String)
        /// A flag with another name.
        case flag(String)
        /// A mode of TLS.
        case mode
        /// `ssl`, which some drivers read as a switch, and some as JSON.
        case ssl
        /// A flag of which only one value has an equivalent.
        case flagOnly(Bool, String, advice: String)
        /// Ignored with one of these values.
        case nothing(Set<String>, advice: String)
        case refused(advice: String)
    }

    private static let verifies = "write tls=verify-identity to check the server's certificate, or tls=require not to"
    private static let pem = "write tls-cert and tls-key, the paths of PEM files"
    private static let connecting = "its unit depends on the driver: write connect-timeout, in seconds"
    private static let answering =
        "its unit depends on the driver: write deadline, the total time of an operation in seconds"
    private static let meaningless = "it has no meaning here: omit it"
    private static let clock =
        "the client's time zone doesn't matter here: omit it, and see the option expiryClock for a shared table"
    private static let reconnects = "lost connections are always replaced: omit it"

    /// By their names in lower case, without `-`, `_` and `.`.
    private static let rules: [String: Rule] = [
        "sslmode": .mode, "tls": .mode, "tlsmode": .mode, "ssl": .ssl,
        "usessl": .flagOnly(false, "off", advice: verifies), "requiressl": .flagOnly(true, "require", advice: verifies),
        "sslaccept": .refused(advice: verifies), "sslverify": .refused(advice: verifies),
        "sslverifycert": .refused(advice: verifies), "sslverifyidentity": .refused(advice: verifies),
        "sslverifyservercert": .refused(advice: verifies), "sslcheckhostname": .refused(advice: verifies),
        "verifyservercertificate": .refused(advice: verifies), "trustservercertificate": .refused(advice: verifies),
        "rejectunauthorized": .refused(advice: verifies), "sslrejectunauthorized": .refused(advice: verifies),
        "disablesslhostnameverification": .refused(advice: verifies), "tlsinsecure": .refused(advice: verifies),
        "sslca": .name("tls-ca"), "sslrootcert": .name("tls-ca"), "sslcafile": .name("tls-ca"),
        "cacertificatefile": .name("tls-ca"), "tlscafile": .name("tls-ca"),
        "sslcert": .name("tls-cert"), "sslcertificate": .name("tls-cert"), "tlscertfile": .name("tls-cert"),
        "sslkey": .name("tls-key"), "tlskeyfile": .name("tls-key"),
        "sslcapath": .refused(advice: "write tls-ca, the path of one PEM file"),
        "sslcipher": .refused(advice: "TLS 1.2 and later are used, with the ciphers of BoringSSL: omit it"),
        "sslciphers": .refused(advice: "TLS 1.2 and later are used, with the ciphers of BoringSSL: omit it"),
        "tlsversion": .refused(advice: "TLS 1.2 and later are used: omit it"),
        "tlsversions": .refused(advice: "TLS 1.2 and later are used: omit it"),
        "serversslcert": .refused(advice: "write tls-ca, the path of a PEM file, with tls=verify-identity"),
        "sslidentity": .refused(advice: pem), "sslpassword": .refused(advice: pem),
        "trustcertificatekeystoreurl": .refused(advice: pem), "clientcertificatekeystoreurl": .refused(advice: pem),
        "truststore": .refused(advice: pem), "keystore": .refused(advice: pem),
        "unixsocket": .name("socket"), "socketpath": .name("socket"), "localsocket": .name("socket"),
        "allowpublickeyretrieval": .flag("allow-public-key-retrieval"),
        "getserverpublickey": .flag("allow-public-key-retrieval"),
        "serverrsapublickeyfile": .name("server-public-key"), "serverpublickeypath": .name("server-public-key"),
        "serverpublickey": .name("server-public-key"),
        "allowcleartextpasswords": .flag("allow-cleartext-password"),
        "allowcleartextpassword": .flag("allow-cleartext-password"),
        "enablecleartextplugin": .flag("allow-cleartext-password"),
        "connectionlimit": .name("pool-size"), "poolsize": .name("pool-size"), "maxpoolsize": .name("pool-size"),
        "maximumpoolsize": .name("pool-size"), "maxconnections": .name("pool-size"),
        "connecttimeout": .refused(advice: connecting), "connectiontimeout": .refused(advice: connecting),
        "timeout": .refused(advice: connecting),
        "sockettimeout": .refused(advice: answering), "readtimeout": .refused(advice: answering),
        "writetimeout": .refused(advice: answering), "querytimeout": .refused(advice: answering),
        "acquiretimeout": .refused(advice: answering), "pooltimeout": .refused(advice: answering),
        "commandtimeout": .refused(advice: answering), "defaultcommandtimeout": .refused(advice: answering),
        "charset": .nothing(["utf8mb4", "utf8", "utf-8"], advice: "all text is utf8mb4: omit it"),
        "characterencoding": .nothing(["utf8mb4", "utf8", "utf-8"], advice: "all text is utf8mb4: omit it"),
        "encoding": .nothing(["utf8mb4", "utf8", "utf-8"], advice: "all text is utf8mb4: omit it"),
        "useunicode": .nothing(["true", "1", "yes"], advice: "all text is utf8mb4: omit it"),
        "collation": .refused(advice: "keys are compared by their bytes: omit it"),
        "reconnect": .nothing(["true", "1", "yes"], advice: reconnects),
        "autoreconnect": .nothing(["true", "1", "yes"], advice: reconnects),
        "servertimezone": .refused(advice: clock), "connectiontimezone": .refused(advice: clock),
        "timezone": .refused(advice: clock), "loc": .refused(advice: clock),
        "uselegacydatetimecode": .refused(advice: meaningless), "parsetime": .refused(advice: meaningless),
        "zerodatetimebehavior": .refused(advice: meaningless), "multistatements": .refused(advice: meaningless),
        "allowmultiqueries": .refused(advice: meaningless), "rewritebatchedstatements": .refused(advice: meaningless),
        "cacheprepstmts": .refused(advice: meaningless), "useserverprepstmts": .refused(advice: meaningless),
        "statementcachesize": .refused(advice: meaningless), "interpolateparams": .refused(advice: meaningless),
        "localinfile": .refused(advice: "it is always off: omit it"),
        "allowlocalinfile": .refused(advice: "it is always off: omit it"),
    ]

    /// The TLS modes by the names of other drivers, without `-` and `_`.
    private static let modes: [String: MySQLConfiguration.TLS.Mode] = [
        "disabled": .off, "disable": .off, "none": .off, "false": .off, "off": .off,
        "preferred": .prefer, "prefer": .prefer,
        "required": .require, "require": .require, "trust": .require, "skipverify": .require,
        "verifyca": .verifyCA,
        "verifyidentity": .verifyIdentity, "verifyfull": .verifyIdentity,
    ]

    /// The parameters of a URL, those of other drivers by our names.
    ///
    /// - Parameters:
    ///   - parameters: As in the URL.
    ///   - invalid: Creates an error from a reason.
    /// - Returns: The parameters, each by our name.
    /// - Throws: `invalid`, without any value in it.
    static func translated(
        _ parameters: [String: String], _ invalid: (String) -> MySQLError
    ) throws(MySQLError) -> [String: String] {
        var result: [String: String] = [:]
        var spelling: [String: String] = [:]
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            let found = try translated(name, value, invalid)
            guard let found else { continue }
            if let other = spelling.updateValue(name, forKey: found.name) {
                throw invalid("\(other.escaped()) and \(name.escaped()) say the same: omit one")
            }
            result[found.name] = found.value
        }
        // Other drivers check a certificate as soon as an authority is named.
        if let name = spelling["tls-ca"], name != "tls-ca",
            ![MySQLConfiguration.TLS.Mode.verifyCA, .verifyIdentity].map(\.rawValue).contains(result["tls"])
        {
            throw invalid(
                "\(name.escaped()) needs tls=verify-identity (or tls=verify-ca) to verify the certificate")
        }
        return result
    }

    /// A parameter by our name; nil if it is ignored.
    private static func translated(
        _ name: String, _ value: String, _ invalid: (String) -> MySQLError
    ) throws(MySQLError) -> (name: String, value: String)? {
        let plain = name.lowercased().filter { !"-_.".contains($0) }
        // A parameter with our name is ours, except for the values of `tls` that Go's driver has.
        let isOurs = MySQLConfiguration.parameterNames.contains(name)
        guard let rule = rules[plain], !isOurs || name == "tls" else { return (name, value) }
        let word = value.lowercased()
        let isTrue = ["true", "1", "yes", "on"].contains(word)
        let isFalse = ["false", "0", "no", "off"].contains(word)
        func refused(_ advice: String) -> MySQLError {
            invalid("\(name.escaped()) is a parameter of other drivers; \(advice)")
        }
        switch rule {
        case .name(let ours): return (ours, value)
        case .flag(let ours):
            guard isTrue || isFalse else { throw invalid("\(name.escaped()) must be true or false") }
            return (ours, isTrue ? "true" : "false")
        case .mode:
            if let mode = modes[word.filter { !"-_".contains($0) }] { return ("tls", mode.rawValue) }
            if plain == "tls" { return ("tls", word == "true" ? "verify-identity" : value) }
            let known = MySQLConfiguration.TLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("\(name.escaped()) has a value without an equivalent; write tls, one of \(known)")
        case .ssl:
            if isFalse { return ("tls", "off") }
            let json = word.filter { !$0.isWhitespace }
            if json == #"{"rejectunauthorized":true}"# { return ("tls", "verify-identity") }
            throw refused(verifies)
        case .flagOnly(let only, let mode, let advice):
            guard only ? isTrue : isFalse else { throw refused(advice) }
            return ("tls", mode)
        case .nothing(let values, let advice):
            guard values.contains(word) else { throw refused(advice) }
            return nil
        case .refused(let advice): throw refused(advice)
        }
    }
}
