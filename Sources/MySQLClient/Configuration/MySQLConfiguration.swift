import Foundation
public import NIOCore
import NIOPosix

/// The servers, the user and the limits of a pool of connections.
///
/// Printing it shows no password.
public struct MySQLConfiguration: Sendable {
    /// Where a server listens.
    public enum Address: Sendable, Hashable {
        /// A host name or IP address, and a port.
        case tcp(host: String, port: UInt16 = 3306)
        /// The path of a Unix socket.
        case unixSocket(path: String)
    }

    /// Encryption of a connection.
    public struct TLS: Sendable {
        /// The required encryption, by the names used in a URL.
        public enum Mode: String, Sendable, CaseIterable {
            /// None.
            case off
            /// If the server offers it; the certificate is not verified. A Unix socket is not encrypted.
            case prefer
            /// Always; a server that doesn't offer TLS is refused before it has received anything of the password. The
            /// certificate is not verified.
            case require
            /// As `require`, and the certificate is signed by ``TLS/certificateAuthorityFile``.
            case verifyCA = "verify-ca"
            /// As `verify-ca` (or by an authority that the system trusts), and is issued for the requested host.
            case verifyIdentity = "verify-identity"
        }

        /// The required encryption.
        public var mode: Mode = .prefer
        /// The path of a PEM file of certificate authorities. nil: those the system trusts.
        public var certificateAuthorityFile: String?

        /// The path of a PEM file with the client's certificate, and those that signed it, for accounts that require
        /// one (`REQUIRE X509`). It requires ``privateKeyFile``.
        public var certificateFile: String?
        /// The path of a PEM file with the private key of ``certificateFile``.
        public var privateKeyFile: String?

        /// By default, encryption if the server offers it.
        public init(mode: Mode = .prefer, certificateAuthorityFile: String? = nil) {
            self.mode = mode
            self.certificateAuthorityFile = certificateAuthorityFile
        }
    }

    /// The pool of connections.
    public struct Pool: Sendable {
        /// The maximum number of open connections.
        public var maximumConnections = 10
        /// How long an operation may wait for a connection; nil: until its own deadline, which ends the wait anyway.
        public var acquisitionTimeout: Duration?
        /// The maximum number of queued operations. More are refused immediately, since each takes memory.
        public var maximumQueuedOperations = 100_000
        /// How long a connection may stay unused before it is closed. Keep it below the server's `wait_timeout`.
        public var idleTimeout: Duration = .seconds(60)
        /// The maximum age of a connection before it is replaced.
        public var maximumLifetime: Duration = .seconds(30 * 60)
        /// The event loops of the connections; by default NIO's global singleton.
        public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
        /// Whether each event loop has a share of the connections to itself. A caller whose task runs on one of the
        /// loops uses the connections of that loop, so no thread switch is needed. `maximumConnections` is divided
        /// among the loops; each has at least one. See <doc:EventLoops>.
        public var hasShardPerEventLoop = false

        /// At most ten connections, and the times above.
        public init() {}

        /// The time at which an operation that starts to wait now gives up.
        package func endOfWait(_ deadline: NIODeadline) -> NIODeadline {
            acquisitionTimeout.map { min(deadline, .now() + TimeAmount(of: $0)) } ?? deadline
        }
    }

    /// Where the servers listen, in the order they are tried. All connections of a pool go to one of them: the first
    /// that accepts writes, and, when it fails or turns read-only, the next one that does.
    public var addresses: [Address]
    /// The user's name.
    public var user: String
    /// The user's password.
    public var password: Password
    /// The database to use.
    public var database: String
    /// Encryption.
    public var tls = TLS()
    /// The path of a PEM file with the server's public RSA key, with which `caching_sha2_password` may encrypt the
    /// password on a connection without TLS.
    public var serverPublicKeyFile: String?
    /// Whether the server may send that key itself. Anyone who can pose as the server then learns the password.
    public var allowPublicKeyRetrieval = false
    /// Whether the password may be sent unencrypted (`mysql_clear_password`), as tokens of RDS IAM, LDAP and PAM
    /// require. It requires a ``TLS-swift.struct/mode-swift.property`` of `verify-ca` or `verify-identity`.
    public var allowCleartextPassword = false
    /// How long opening a connection may take, its TLS handshake and login included.
    public var connectTimeout: Duration = .seconds(5)
    /// How long an operation may take in total, including waiting for a connection and retries.
    public var operationTimeout: Duration = .seconds(10)
    /// The largest packet accepted from the server, in bytes: the maximum size of a value with its key. The server's
    /// `max_allowed_packet` also applies, and may be lower.
    public var maximumPacketSize = 64 << 20
    /// The maximum number of prepared statements kept on a connection; the least recently used one is closed first.
    public var maximumPreparedStatements = 64
    /// How long a statement may wait for a row that another transaction has locked, in whole seconds, rounded up
    /// (`innodb_lock_wait_timeout`). The store retries until the deadline.
    public var lockWaitTimeout: Duration = .seconds(1)
    /// Statements to run on each new connection, for example `SET SESSION wsrep_sync_wait = 1`.
    public var sessionSetup: [String] = []
    /// The pool of connections.
    public var pool = Pool()
    /// Logs, metrics and traces of the pool and the store.
    public var observability = MySQLObservability()

    /// One server, a user and a database.
    public init(address: Address, user: String, password: Password = "", database: String) {
        self.init(addresses: [address], user: user, password: password, database: database)
    }

    /// Several servers of a cluster, a user and a database.
    public init(addresses: [Address], user: String, password: Password = "", database: String) {
        self.addresses = addresses
        self.user = user
        self.password = password
        self.database = database
    }

    /// Throws if the configuration is invalid.
    func validate() throws(MySQLError) {
        func check(_ condition: Bool, _ message: String) throws(MySQLError) {
            if !condition { throw MySQLError(.invalidConfiguration, message) }
        }
        try check(!user.isEmpty, "the user is missing")
        try check(!database.isEmpty, "the database is missing")
        try check(!addresses.isEmpty, "the server is missing")
        try check(Set(addresses).count == addresses.count, "a server is given twice")
        for address in addresses {
            switch address {
            case .tcp(let host, let port):
                try check(!host.isEmpty, "the host is missing")
                try check(!host.contains(","), "a host's name has a comma")
                try check(port > 0, "the port is 0")
            case .unixSocket(let path):
                // sun_path of sockaddr_un: 104 bytes on macOS, 108 on Linux, with the terminator.
                try check(
                    path.utf8.count <= 103, "the socket's path is longer than the 103 bytes a Unix socket can have")
            }
        }
        let files = [tls.certificateAuthorityFile, tls.certificateFile, tls.privateKeyFile, serverPublicKeyFile]
            .compactMap(\.self)
        let texts = [user, password.text, database] + files
        try check(!texts.contains { $0.utf8.contains(0) }, "the user, password, database or a path has a NUL character")
        try check(
            tls.mode != .verifyCA || tls.certificateAuthorityFile != nil,
            "tls=verify-ca needs tls-ca, the file of the authority to trust; verify-identity can use the system's")
        try check(
            (tls.certificateFile == nil) == (tls.privateKeyFile == nil),
            "a client's certificate (tls-cert) and its private key (tls-key) require each other")
        try check(
            !allowCleartextPassword || tls.mode == .verifyCA || tls.mode == .verifyIdentity,
            "allow-cleartext-password=true needs tls=verify-ca or tls=verify-identity")
        for path in files {
            try check(FileManager.default.isReadableFile(atPath: path), "\(path.escaped()) can't be read")
        }
        try check(
            connectTimeout > .zero && operationTimeout > .zero,
            "connectTimeout and operationTimeout must be more than zero")
        try check((1...10_000).contains(pool.maximumConnections), "the pool's size must be from 1 to 10000")
        try check(
            pool.acquisitionTimeout ?? operationTimeout > .zero && pool.idleTimeout > .zero
                && pool.maximumLifetime > .zero,
            "the pool's times must be more than zero")
        try check(
            maximumPacketSize >= 1 << 16 && maximumPacketSize <= 1 << 30,
            "maximumPacketSize must be from 64 KiB to 1 GiB")
        try check(
            (1...1_000_000_000).contains(pool.maximumQueuedOperations),
            "the pool's maximumQueuedOperations must be more than zero")
        try check(lockWaitTimeout > .zero, "lockWaitTimeout must be more than zero")
        try check((4...1024).contains(maximumPreparedStatements), "maximumPreparedStatements must be from 4 to 1024")
    }
}

extension MySQLConfiguration.Pool: CustomReflectable {
    /// Without the event loops, by which `dump` would come to the connections of others.
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "maximumConnections": maximumConnections, "acquisitionTimeout": acquisitionTimeout as Any,
                "maximumQueuedOperations": maximumQueuedOperations, "idleTimeout": idleTimeout,
                "maximumLifetime": maximumLifetime,
                "hasShardPerEventLoop": hasShardPerEventLoop,
            ], displayStyle: .struct)
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
