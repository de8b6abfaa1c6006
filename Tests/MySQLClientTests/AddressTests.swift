import Foundation
import HostileServer
import MySQLClient
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

/// Addresses that don't answer, before one that does.
@Suite struct AddressTests {
    private static func living() throws -> FakeServer {
        try FakeServer { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { _ in false }
        }
    }

    private static func configuration(_ addresses: [MySQLConfiguration.Address]) -> MySQLConfiguration {
        var configuration = MySQLConfiguration(address: addresses[0], user: "user", password: "secret", database: "db")
        configuration.addresses = addresses
        configuration.connectTimeout = .seconds(20)
        configuration.operationTimeout = .seconds(5)
        configuration.pool.maximumConnections = 1
        return configuration
    }

    /// The last of several servers is reached before the time is over that the first may take to connect; those tried
    /// before are not waited for at the end either.
    @Test func serversThatAreSilentAreNotWaitedFor() async throws {
        let silent = try (0..<3).map { _ in try FakeServer { _ in } }
        let server = try Self.living()
        defer { for server in silent + [server] { server.stop() } }
        let pool = try MySQLPool(
            Self.configuration((silent + [server]).map { .tcp(host: "127.0.0.1", port: $0.port) }))
        try await pool.withConnection { try await $0.query("DO 1") }
        #expect(silent.allSatisfy { $0.received.isEmpty })
        await pool.close()
    }

    /// While all servers are silent a pool is closed at once, and says of each what was wrong with it.
    @Test func closingDoesNotWaitForServersThatAreSilent() async throws {
        let silent = try (0..<2).map { _ in try FakeServer { _ in } }
        defer { for server in silent { server.stop() } }
        var configuration = Self.configuration(silent.map { .tcp(host: "127.0.0.1", port: $0.port) })
        configuration.operationTimeout = .seconds(60)
        let pool = try MySQLPool(configuration)
        let waiting = Task { try await pool.withConnection { _ in } }
        while pool.status.waiting == 0 { await Task.yield() }
        await pool.close()
        await #expect(throws: MySQLError.self) { try await waiting.value }
    }

    #if os(Linux)
        /// The answer of a name server.
        private struct Names: Resolver, Sendable {
            let eventLoop: any EventLoop
            /// nil: nothing, ever.
            let v4: [SocketAddress]?
            let v6: [SocketAddress]?

            func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(v4) }
            func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(v6) }
            func cancelQueries() {
                for promise in open.withLockedValue({ $0 }) { promise.fail(CancellationError()) }
            }

            private let open = NIOLockedValueBox<[EventLoopPromise<[SocketAddress]>]>([])

            init(_ eventLoop: any EventLoop, v4: [SocketAddress]?, v6: [SocketAddress]?) {
                (self.eventLoop, self.v4, self.v6) = (eventLoop, v4, v6)
            }

            private func answer(_ addresses: [SocketAddress]?) -> EventLoopFuture<[SocketAddress]> {
                let promise = eventLoop.makePromise(of: [SocketAddress].self)
                if let addresses { promise.succeed(addresses) } else { open.withLockedValue { $0.append(promise) } }
                return promise.futureResult
            }
        }

        /// An address whose port takes no more connections and refuses none: its queue is full.
        private final class DeadPort {
            private var descriptors: [Int32] = []

            init(_ host: String, _ port: UInt16) throws {
                func withAddress<T>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
                    var address = sockaddr_in()
                    address.sin_family = sa_family_t(AF_INET)
                    address.sin_addr.s_addr = inet_addr(host)
                    address.sin_port = port.bigEndian
                    return withUnsafePointer(to: &address) {
                        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                        }
                    }
                }
                func newSocket() -> Int32 {
                    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                    descriptors.append(descriptor)
                    return descriptor
                }
                let listener = newSocket()
                guard withAddress({ bind(listener, $0, $1) }) == 0, listen(listener, 0) == 0 else {
                    throw POSIXError(.EADDRNOTAVAIL)
                }
                // Its backlog has room for one connection that isn't accepted.
                let client = newSocket()
                guard withAddress({ Foundation.connect(client, $0, $1) }) == 0 else {
                    throw POSIXError(.ECONNREFUSED)
                }
            }

            deinit { for descriptor in descriptors { close(descriptor) } }
        }

        private func connect(
            to server: FakeServer, _ change: (inout MySQLConfiguration) -> Void = { _ in },
            _ names: (any EventLoop) -> Names
        ) async throws {
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            var configuration = Self.configuration([.tcp(host: "db.example", port: server.port)])
            change(&configuration)
            let factory = ConnectionFactory(configuration, resolver: names(eventLoop))
            let connection = try await factory.openFirst(of: configuration.addresses, on: eventLoop)
            try await connection.query("DO 1")
            try await eventLoop.submit { connection.handler.quit() }.get()
        }

        /// Of a name's addresses the first two are dead: the third is reached.
        @Test func deadAddressesOfANameAreNotWaitedFor() async throws {
            let server = try Self.living()
            defer { server.stop() }
            let dead = try ["127.0.0.2", "127.0.0.3"].map { try DeadPort($0, server.port) }
            let addresses = try ["127.0.0.2", "127.0.0.3", "127.0.0.1"].map {
                try SocketAddress(ipAddress: $0, port: Int(server.port))
            }
            let begun = ContinuousClock.now
            try await connect(to: server) { Names($0, v4: addresses, v6: []) }
            #expect(begun.duration(to: .now) > .milliseconds(400), "the first two are tried before")
            withExtendedLifetime(dead) {}
        }

        /// A name server that never says whether there are addresses of the other kind is not waited for.
        @Test func aNameServerThatIsHalfSilentIsNotWaitedFor() async throws {
            let server = try Self.living()
            defer { server.stop() }
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(server.port))
            try await connect(to: server) { Names($0, v4: [address], v6: nil) }
        }

        /// A name server that says nothing ends an attempt at its time, to the millisecond.
        @Test func aNameServerThatIsSilentEndsTheAttemptAtItsTime() async throws {
            let server = try Self.living()
            defer { server.stop() }
            let begun = ContinuousClock.now
            let error = await #expect(throws: MySQLError.self) {
                try await connect(to: server) {
                    $0.connectTimeout = .milliseconds(300)
                } _: {
                    Names($0, v4: nil, v6: nil)
                }
            }
            #expect(error?.code == .connectionFailed)
            #expect(begun.duration(to: .now) >= .milliseconds(300))
            #expect(begun.duration(to: .now) < .seconds(5))
        }
    #endif
}
