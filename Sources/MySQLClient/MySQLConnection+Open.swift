import CMariaDB
import COpenSSL

extension MySQLConnection {
    /// Must be called once before all else, by one thread alone. (Connector/C: mysql_server_init.)
    private static let isLibraryReady: Bool = {
        // At the end of the process OpenSSL would tidy up under connections that other threads still use, and crash.
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
        return mysql_server_init(0, nil, nil) == 0
    }()

    /// Methods that answer a challenge, or give the password to a server only by the rules of ``CachingSHA2Password``.
    /// Connector/C compares by substring: no other method's name may be part of this text.
    private static let allowedMethods = ["mysql_native_password", "client_ed25519"]

    /// Opens a connection as safe as the configuration asks for.
    static func open(
        _ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address, _ interrupter: Interrupter,
        _ reads: ConnectionReads
    ) throws(MySQLError) -> UnsafeMutablePointer<MYSQL> {
        guard isLibraryReady, let mysql = mysql_init(nil) else {
            throw MySQLError(.connectionFailed, "Connector/C can't be initialized; is it out of memory?")
        }
        set(mysql, configuration, address)
        let attempt = ConnectionAttempt(configuration, address, interrupter)
        reads.watch(mysql)
        let isOpen = reads.during(attempt) {
            let (host, port, socket): (String?, UInt32, String?) =
                switch address {
                case .tcp(let host, let port): (host, UInt32(port), nil)
                case .unixSocket(let path): (nil, 0, path)
                }
            // UPDATE answers with the rows found, not the rows changed: a swap to an equal value is a swap.
            return mysql_real_connect(
                mysql, host, configuration.user, configuration.password.text, configuration.database, port, socket,
                UInt(CLIENT_FOUND_ROWS)) != nil
        }
        guard isOpen, !interrupter.isInterrupted else {
            let error = failure(mysql, configuration, address, attempt)
            interrupter.close()
            mysql_close(mysql)
            throw error
        }
        interrupter.open(mysql_get_socket(mysql))
        return mysql
    }

    private static func set(
        _ mysql: UnsafeMutablePointer<MYSQL>, _ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address
    ) {
        func option(_ option: mysql_option, _ text: String) {
            _ = text.withCString { mysql_options(mysql, option, $0) }
        }
        func option<T>(_ option: mysql_option, _ number: T) {
            var number = number
            _ = withUnsafePointer(to: &number) { mysql_options(mysql, option, $0) }
        }
        option(MYSQL_OPT_CONNECT_TIMEOUT, configuration.connectTimeout.wholeSeconds)
        option(MYSQL_OPT_MAX_ALLOWED_PACKET, configuration.maximumPacketSize)
        option(MYSQL_SET_CHARSET_NAME, "utf8mb4")
        // A server must not be able to ask for our files.
        option(MYSQL_OPT_LOCAL_INFILE, UInt32(0))
        var methods = allowedMethods
        // Another part of the program brought its own method of this name: ours alone keeps the password safe.
        if CachingSHA2Password.isRegistered { methods.append(CachingSHA2Password.name) }
        option(MARIADB_OPT_RESTRICTED_AUTH, methods.joined(separator: ","))

        var mode = configuration.tls.mode
        switch address {
        case .tcp:
            // Connector/C would take "localhost" for a Unix socket.
            option(MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_TCP.rawValue)
        case .unixSocket:
            // It never leaves the machine.
            if mode == .prefer { mode = .off }
        }
        let yes: my_bool = 1
        if mode != .off {
            option(MYSQL_OPT_SSL_ENFORCE, yes)
            if let file = configuration.tls.certificateAuthorityFile { option(MYSQL_OPT_SSL_CA, file) }
        }
        switch mode {
        case .off, .prefer: break
        case .require, .verifyCA:
            // An empty fingerprint checks nothing, but makes Connector/C refuse a server without TLS before it
            // answers the greeting. MYSQL_OPT_SSL_ENFORCE, in spite of its name, does not.
            option(MARIADB_OPT_TLS_PEER_FP, "")
        case .verifyIdentity: option(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, yes)
        }
    }

    static func connectTimedOut(
        _ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address
    ) -> MySQLError {
        MySQLError(.connectionFailed, "\(address) did not let us in within \(configuration.connectTimeout)")
    }

    private static func failure(
        _ mysql: UnsafeMutablePointer<MYSQL>, _ configuration: MySQLConfiguration,
        _ address: MySQLConfiguration.Address, _ attempt: ConnectionAttempt
    ) -> MySQLError {
        if let refusal = attempt.refusal { return MySQLError(.insecure, refusal) }
        if attempt.interrupter.isInterrupted { return connectTimedOut(configuration, address) }
        let serverCode = mysql_errno(mysql)
        let text = String(cString: mysql_error(mysql)).escaped()
        func error(_ code: MySQLError.Code, _ message: String) -> MySQLError {
            MySQLError(code, message, serverCode: serverCode, sqlState: String(cString: mysql_sqlstate(mysql)))
        }
        switch Int32(serverCode) {
        case CR_SSL_CONNECTION_ERROR where text.contains("certificate") || text.contains("SSL is required"):
            return error(.insecure, "\(address) is refused: \(text)")
        case CR_PLUGIN_NOT_ALLOWED:
            return error(
                .insecure,
                "\(address) asks for an authentication method that may give the password away; allowed "
                    + "are mysql_native_password, client_ed25519 and caching_sha2_password")
        case _ where ServerErrorCode.accessDenied.contains(serverCode):
            return error(.accessDenied, "\(address) lets the user not in: \(text)")
        default: return error(.connectionFailed, "\(address) can't be reached: \(text)")
        }
    }
}

extension MySQLConfiguration.Address: CustomStringConvertible {
    /// `host:port`, or the socket's path.
    public var description: String {
        switch self {
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host.escaped())]" : host.escaped()):\(port)"
        case .unixSocket(let path): path.escaped()
        }
    }
}

extension Duration {
    /// In seconds, rounded up.
    var wholeSeconds: UInt32 {
        UInt32(clamping: components.seconds + (components.attoseconds > 0 ? 1 : 0))
    }
}
