import MySQLProtocol
package import NIOCore
package import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Opens connections: address, TLS, login, session set-up.
package struct ConnectionFactory: Sendable {
    let configuration: MySQLConfiguration
    /// Resolves names; nil: the system's resolver. (Others are for tests.)
    private let resolver: (any Resolver & Sendable)?

    package init(_ configuration: MySQLConfiguration, resolver: (any Resolver & Sendable)? = nil) {
        self.configuration = configuration
        self.resolver = resolver
    }

    /// The head start of a server before the next one is tried in parallel.
    private static let headStart = Duration.milliseconds(250)

    /// Connects to the first of several servers that accepts writes.
    ///
    /// - Throws: ``MySQLError``; of several failures, preferably a permanent one.
    package func openFirst(
        of addresses: [MySQLConfiguration.Address], on eventLoop: any EventLoop
    ) async throws(MySQLError) -> MySQLConnection {
        if addresses.count == 1 { return try await open(addresses[0], on: eventLoop) }
        let result = await withTaskGroup(of: Event.self) { group -> Result<MySQLConnection, MySQLError> in
            var waiting = addresses[...]
            var failures: [MySQLError] = []
            func startNext() {
                guard let address = waiting.popFirst() else { return }
                group.addTask {
                    await .ended(Result.of { () throws(MySQLError) in try await open(address, on: eventLoop) })
                }
                let attempt = addresses.count - waiting.count
                if !waiting.isEmpty {
                    group.addTask {
                        try? await Task.sleep(for: Self.headStart)
                        return .isLate(attempt)
                    }
                }
            }
            startNext()
            var opened: MySQLConnection?
            while let event = await group.next() {
                switch event {
                case .isLate(let attempt):
                    if attempt == addresses.count - waiting.count, opened == nil { startNext() }
                case .ended(.success(let connection)) where opened == nil:
                    opened = connection
                    group.cancelAll()
                case .ended(.success(let connection)):
                    connection.close()
                case .ended(.failure(let error)):
                    failures.append(error)
                    if opened == nil { startNext() }
                }
                if opened == nil, failures.count == addresses.count { group.cancelAll() }
            }
            if let opened { return .success(opened) }
            // Prefer reporting a permanent failure.
            let news = failures.first { $0.code != .connectionFailed } ?? failures[0]
            return .failure(
                MySQLError(
                    news.code,
                    "none of \(failures.count) servers can be used: " + failures.map(\.message).joined(separator: "; "))
            )
        }
        return try result.get()
    }

    private enum Event: Sendable {
        case ended(Result<MySQLConnection, MySQLError>)
        /// The head start of an attempt, given by its number, has ended.
        case isLate(Int)
    }

    /// A connection to one server.
    func open(
        _ address: MySQLConfiguration.Address, on eventLoop: any EventLoop
    ) async throws(MySQLError) -> MySQLConnection {
        let limit = NIODeadline.now() + TimeAmount(of: configuration.connectTimeout)
        let (tls, credentials): (TLSClient?, Handshake.Credentials)
        do {
            // Files are read on a thread that may block.
            (tls, credentials) = try await NIOThreadPool.singleton.runIfActive {
                (try tlsClient(for: address), try self.credentials(for: address))
            }
        } catch {
            throw error as? MySQLError ?? MySQLError(.invalidConfiguration, "a file can't be read")
        }
        // Cancelled in the meantime: the event loops may be gone, too.
        if Task.isCancelled { throw MySQLError(.connectionFailed, "connecting was cancelled") }
        let promise = eventLoop.makePromise(of: MySQLConnection.self)
        let attempt = ConnectionAttempt(promise, eventLoop)
        let timeout = eventLoop.scheduleTask(deadline: limit) {
            attempt.fail(MySQLError(.connectionFailed, "connecting timed out after \(configuration.connectTimeout)"))
        }
        defer { timeout.cancel() }
        let channel = connect(address, tls: tls, credentials, limit, attempt, on: eventLoop)
        channel.whenFailure { error in attempt.fail(Self.describe(error)) }
        do {
            return try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                attempt.cancel(limit: limit)
            }
        } catch {
            let error = error as? MySQLError ?? Self.describe(error)
            throw MySQLError(
                error.code, advice(for: error, at: address), serverCode: error.serverCode, sqlState: error.sqlState)
        }
    }

    /// The message for users: the server's address and the reason.
    private func advice(for error: MySQLError, at address: MySQLConfiguration.Address) -> String {
        switch error.code {
        case .accessDenied:
            (error.serverCode == ServerErrorCode.unknownDatabase
                ? "\(address): the database doesn't exist: \(error.message)"
                : "\(address): access denied for this user: \(error.message)")
                + (error.loginHint(configuration.tls, at: address).map { " (\($0))" } ?? "")
        case .insecure: "\(address) is refused: \(error.message)"
        case .invalidConfiguration: error.message
        default: "\(address) can't be reached: \(error.message)"
        }
    }

    private static func describe(_ error: any Error) -> MySQLError {
        switch error {
        case let error as MySQLError: error
        case let error as NIOConnectionError:
            // The system's words for the first address that failed; without its addresses, which may be many.
            MySQLError(
                .connectionFailed,
                error.connectionErrors.first.map { reason($0.error) }
                    ?? (error.dnsAError ?? error.dnsAAAAError).map { "its name can't be resolved: \($0)".escaped() }
                    ?? "it has no address")
        default: MySQLError(.connectionFailed, "\(error)".escaped())
        }
    }

    /// The system's own words, without those that NIO adds.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)".escaped() }
        return "\(String(cString: strerror(error.errnoCode))) (errno \(error.errnoCode))"
    }

    // MARK: - The channel

    private func connect(
        _ address: MySQLConfiguration.Address, tls: TLSClient?, _ credentials: Handshake.Credentials,
        _ limit: NIODeadline, _ attempt: ConnectionAttempt, on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let isRequired = configuration.tls.mode != .prefer
        let bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readSize))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    attempt.began(channel)
                    let login = LoginHandler(configuration, credentials, tls: tls, isRequired: isRequired) { result in
                        switch result {
                        case .success(let handler):
                            attempt.loggedIn()
                            SessionSetup(configuration, address, handler).start(attempt)
                        case .failure(let error): attempt.fail(error)
                        }
                    }
                    try channel.pipeline.syncOperations.addHandler(login)
                }
            }
            .connectTimeout(max(.milliseconds(1), limit - .now()))
        switch address {
        case .tcp(let host, let port):
            // Several addresses are tried as in RFC 8305, "Happy Eyeballs", each a quarter of a second after the
            // previous one. One after the other, as they come: a read must not wait for another's acknowledgement.
            return bootstrap.resolver(resolver).channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: host, port: Int(port))
        case .unixSocket(let path): return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    /// The maximum bytes of one read.
    private static let readSize = 64 << 10

    private func tlsClient(for address: MySQLConfiguration.Address) throws(MySQLError) -> TLSClient? {
        switch (configuration.tls.mode, address) {
        // A Unix socket never leaves the machine.
        case (.off, _), (.prefer, .unixSocket): nil
        default: try TLSClient(configuration.tls, address)
        }
    }

    private func credentials(for address: MySQLConfiguration.Address) throws(MySQLError) -> Handshake.Credentials {
        var policy = AuthenticationPolicy(password: Array(configuration.password.text.utf8))
        if case .unixSocket = address { policy.isPrivate = true }
        policy.allowsPublicKeyRetrieval = configuration.allowPublicKeyRetrieval
        policy.allowsClearPassword = configuration.allowCleartextPassword
        if let file = configuration.serverPublicKeyFile {
            guard let key = FileManager.default.contents(atPath: file) else {
                throw MySQLError(.invalidConfiguration, "server-public-key, \(file.escaped()), can't be read")
            }
            policy.serverPublicKey = Array(key)
        }
        return Handshake.Credentials(
            user: configuration.user, database: configuration.database, authentication: policy)
    }
}

extension Result where Failure == MySQLError {
    fileprivate static func of(_ body: () async throws(MySQLError) -> Success) async -> Self {
        do throws(MySQLError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
}
