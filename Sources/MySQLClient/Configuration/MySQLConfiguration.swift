import Foundation
public import NIOCore
import NIOPosix

/// How to reach a server, and how many connections to keep.
///
/// Printing it shows no password.
public struct MySQLConfiguration: Sendable {
    /// Where the server listens.
    public enum Address: Sendable, Hashable {
        /// A host name or IP address, and a port.
        case tcp(host: String, port: UInt16 = 3306)
        /// The path of a Unix socket.
        case unixSocket(path: String)
    }

    /// Encryption of a connection.
    public struct TLS: Sendable {
        /// How much encryption is asked for, by the names used in a URL.
        public enum Mode: String, Sendable, CaseIterable {
            /// None.
            case off
            /// Where the server offers it, without a look at its certificate. A Unix socket stays as it is.
            case prefer
            /// Always; a server that offers none is refused before it has seen anything of the password. The
            /// certificate is not looked at.
            case require
            /// As `require`, and the certificate is signed by ``TLS/certificateAuthorityFile``.
            case verifyCA = "verify-ca"
            /// As `verify-ca` (or by an authority that the system trusts), and names the host that was asked for.
            case verifyIdentity = "verify-identity"
        }

        /// How much encryption is asked for.
        public var mode: Mode = .prefer
        /// The path of a PEM file of certificate authorities. nil: those the system trusts.
        public var certificateAuthorityFile: String?

        /// The path of a PEM file with the client's certificate, and those that signed it, for accounts that ask for one
        /// (`REQUIRE X509`). It goes with ``privateKeyFile``.
        public var certificateFile: String?
        /// The path of a PEM file with the private key of ``certificateFile``.
        public var privateKeyFile: String?

        /// Encryption where the server offers it, by default.
        public init(mode: Mode = .prefer, certificateAuthorityFile: String? = nil) {
            self.mode = mode
            self.certificateAuthorityFile = certificateAuthorityFile
        }
    }

    /// The pool of connections.
    public struct Pool: Sendable {
        /// The most connections that are ever open.
        public var maximumConnections = 10
        /// How long an operation may wait for a connection; nil: until its own deadline, which ends the wait anyway.
        public var acquisitionTimeout: Duration?
        /// How many operations may be queued for a connection. Any more are refused immediately: a queued operation takes
        /// memory.
        public var maximumQueuedOperations = 100_000
        /// How long a connection may stay unused before it is closed. Keep it below the server's `wait_timeout`.
        public var idleTimeout: Duration = .seconds(60)
        /// How old a connection may grow before another takes its place.
        public var maximumLifetime: Duration = .seconds(30 * 60)
        /// The event loops that connections live on. Default: those that
        /// NIO has for the whole process.
        public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
        /// Whether each event loop has a share of the connections to itself. A caller whose task runs on one of the loops
        /// uses the connections of that loop, so nothing changes threads. `maximumConnections` is divided among the
        /// loops; each has at least one. See <doc:EventLoops>.
        public var hasShardPerEventLoop = false

        /// Ten connections at the most, and the times above.
        public init() {}

        /// When an operation that begins to wait now gives up.
        package func endOfWait(_ deadline: NIODeadline) -> NIODeadline {
            acquisitionTimeout.map { min(deadline, .now() + TimeAmount(of: $0)) } ?? deadline
        }
    }

    /// Where the servers listen, in the order they are tried. All connections of a pool go to one of them: the first
    /// that takes writes, and, when it fails or turns read-only, the next that does.
    public var addresses: [Address]
    /// The user's name.
    public var user: String
    /// The user's password.
    public var password: Password
    /// The database to use.
    public var database: String
    /// Encryption.
    public var tls = TLS()
    /// The path of a PEM file with the server's public RSA key, by which `caching_sha2_password` may encrypt the
    /// password on a connection without TLS.
    public var serverPublicKeyFile: String?
    /// Whether the server may send that key itself. Whoever can pose as the server then learns the password.
    public var allowPublicKeyRetrieval = false
    /// Whether the password may be sent as it is (`mysql_clear_password`), as tokens of RDS IAM, LDAP and PAM are. It
    /// takes a ``TLS-swift.struct/mode-swift.property`` of `verify-ca` or `verify-identity`.
    public var allowCleartextPassword = false
    /// How long opening a connection may take, its TLS handshake and log-in included.
    public var connectTimeout: Duration = .seconds(5)
    /// How long an operation may take in all, waiting for a connection and trying again included.
    public var operationTimeout: Duration = .seconds(10)
    /// The largest packet taken from the server, in bytes: what one value, with its key, can have at the most. The
    /// server's `max_allowed_packet` may be lower, and holds then.
    public var maximumPacketSize = 64 << 20
    /// The most prepared statements kept on one connection; the least recently used one is closed first.
    public var maximumPreparedStatements = 64
    /// How long a statement may wait for a row that another transaction has locked, in whole seconds, rounded up
    /// (`innodb_lock_wait_timeout`). The store tries again until the deadline.
    public var lockWaitTimeout: Duration = .seconds(1)
    /// Statements to run on each new connection, as `SET SESSION wsrep_sync_wait = 1`.
    public var sessionSetup: [String] = []
    /// The pool of connections.
    public var pool = Pool()
    /// Where the pool and the store tell what they do.
    public var observability = MySQLObservability()

    /// A server, a user and a database.
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

    /// Refuses what can't work.
    func validate() throws(MySQLError) {
        func check(_ condition: Bool, _ message: String) throws(MySQLError) {
            if !condition { throw MySQLError(.invalidConfiguration, message) }
        }
        try check(!user.isEmpty, "no user is named")
        try check(!database.isEmpty, "no database is named")
        try check(!addresses.isEmpty, "no server is named")
        try check(Set(addresses).count == addresses.count, "a server is named twice")
        for address in addresses {
            switch address {
            case .tcp(let host, let port):
                try check(!host.isEmpty, "no host is named")
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
            "a client's certificate (tls-cert) and its private key (tls-key) go together")
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
