import Foundation
import NIOConcurrencyHelpers

/// A TCP proxy on 127.0.0.1 before a server: a network that a test can break in every way that networks do.
final class Proxy: Sendable {
    struct Link {
        let client: Int32
        let server: Int32
    }

    struct State {
        var listener: Int32?
        var links: [Int: Link] = [:]
        var lastLink = 0
        var broken = 0
        /// Connections that clients have opened.
        var accepted = 0
        /// Connections are closed as soon as they are open.
        var refuses = false
        /// Bytes wait for this to be opened again.
        var isHeld = false
        var delay: TimeInterval = 0
        /// Bytes a second from the server; nil: as many as come.
        var rate: Int?
        /// The connection breaks that carries so many bytes first, in one of the directions; nil: whichever it is.
        var limit: (bytes: Int, isAnswer: Bool, link: Int?)?
        /// The total bytes to the server, and to clients.
        var toServer = 0
        var toClients = 0
        /// Links whose next bytes from the server are truncated.
        var truncated: Set<Int> = []
        /// Links whose server is gone, which their clients don't know.
        var abandoned: Set<Int> = []
        /// Transforms each command of a client.
        var rewriting: (@Sendable ([UInt8]) -> Command)?
        /// Transforms the payload of each server's first packet.
        var greeting: (@Sendable ([UInt8]) -> [UInt8])?
    }

    /// The bytes sent to the server instead of a command.
    enum Command: Sendable {
        case asItIs
        /// Another statement: to be prepared if the command prepares one, else by the protocol for text.
        case statement(String)
        /// Nothing, nor anything later: the connection breaks.
        case cut
        /// The command; then the connection breaks, before the client has the answer.
        case cutBehind
        /// A statement that has this error for its answer.
        case error(UInt16)
    }

    let port: UInt16
    private let target: NIOLockedValueBox<UInt16>
    let state = NIOLockedValueBox(State())

    init(to target: UInt16) throws {
        self.target = NIOLockedValueBox(target)
        let (listener, port) = try Self.listen(on: 0)
        self.port = port
        accept(on: listener)
    }

    /// How many connections are open.
    var connections: Int { state.withLockedValue { $0.links.count } }

    /// How many connections the proxy has broken.
    var broken: Int { state.withLockedValue { $0.broken } }

    /// How many connections clients have opened.
    var accepted: Int { state.withLockedValue { $0.accepted } }

    /// Breaks all connections, and closes new ones at once; or no more.
    func refuse(_ refuses: Bool) {
        state.withLockedValue { state in
            state.refuses = refuses
            if refuses { cut(&state) }
        }
    }

    /// New connections go to another server, as when a name's address has changed.
    func redirect(to target: UInt16) {
        self.target.withLockedValue { $0 = target }
    }

    /// Breaks all connections, and takes no more.
    func down() {
        state.withLockedValue { state in
            cut(&state)
            state.isHeld = false
            if let listener = state.listener { shutdown(listener, Int32(SHUT_RDWR)) }
            state.listener = nil
        }
    }

    /// Takes connections again, on the same port.
    func up() throws {
        accept(on: try Self.listen(on: port).0)
    }

    /// Breaks all connections.
    func cut() {
        state.withLockedValue { cut(&$0) }
    }

    private func cut(_ state: inout State) {
        state.broken += state.links.count
        for link in state.links.values {
            shutdown(link.client, Int32(SHUT_RDWR))
            shutdown(link.server, Int32(SHUT_RDWR))
        }
    }

    /// Carries nothing either way until ``release()``, as a network that drops all packets; what was sent comes later.
    func hold() {
        state.withLockedValue { $0.isHeld = true }
    }

    func release() {
        state.withLockedValue { $0.isHeld = false }
    }

    /// Carries everything later by so much.
    func delay(by time: TimeInterval) {
        state.withLockedValue { $0.delay = time }
    }

    /// Carries so many bytes a second from the server, for each connection.
    func throttle(to rate: Int?) {
        state.withLockedValue { $0.rate = rate }
    }

    /// Breaks one connection, of those opened from now on, when it has carried so many bytes in a direction: the first
    /// that has, or the one with this number among them, from 1.
    func cut(after bytes: Int, ofAnswers isAnswer: Bool, connection number: Int? = nil) {
        state.withLockedValue { state in state.limit = (bytes, isAnswer, number.map { state.lastLink + $0 }) }
    }

    /// How many bytes were carried to the server, and to clients.
    var carried: (toServer: Int, toClients: Int) { state.withLockedValue { ($0.toServer, $0.toClients) } }

    /// Replaces each server's greeting. (Not for connections with TLS.)
    func rewriteGreeting(_ greeting: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        state.withLockedValue { $0.greeting = greeting }
    }

    /// The server's ends of all connections are closed without notice to the clients, as after a cut of a router that
    /// forgets them. New connections are not touched.
    func abandon() {
        state.withLockedValue { state in
            state.broken += state.links.count
            state.abandoned.formUnion(state.links.keys)
            for link in state.links.values { shutdown(link.server, Int32(SHUT_RDWR)) }
        }
    }

    /// Cuts all present connections in the middle of the server's next bytes.
    func truncate() {
        state.withLockedValue { state in
            state.broken += state.links.count
            state.truncated.formUnion(state.links.keys)
        }
    }

    /// Replaces each command to the server, given its bytes, the first of which is its kind. Nothing
    /// may be under way. (Not for connections with TLS.)
    func rewrite(_ rewriting: @escaping @Sendable ([UInt8]) -> Command) {
        state.withLockedValue { $0.rewriting = rewriting }
    }

    private func accept(on listener: Int32) {
        state.withLockedValue { $0.listener = listener }
        Thread.detachNewThread { [self] in
            while true {
                let client = Foundation.accept(listener, nil, nil)
                guard client >= 0 else {
                    // Not before: the number may be another listener's by then, whose connections this would take.
                    close(listener)
                    return
                }
                let isRefused = state.withLockedValue { state in
                    state.accepted += 1
                    return state.refuses
                }
                if isRefused {
                    close(client)
                    continue
                }
                let server = Self.socket()
                let target = self.target.withLockedValue(\.self)
                guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
                    close(client)
                    close(server)
                    continue
                }
                let number = state.withLockedValue { state -> Int? in
                    guard state.listener == listener else { return nil }
                    state.lastLink += 1
                    state.links[state.lastLink] = Link(client: client, server: server)
                    return state.lastLink
                }
                guard let number else {
                    close(client)
                    close(server)
                    continue
                }
                Thread.detachNewThread { self.forward(client, server, number) }
            }
        }
    }

    private static func socket() -> Int32 {
        #if os(Linux)
            Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            Foundation.socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func withAddress<T>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func listen(on port: UInt16) throws -> (Int32, UInt16) {
        let listener = socket()
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withAddress(port, { bind(listener, $0, $1) }) == 0, Foundation.listen(listener, 64) == 0 else {
            throw POSIXError(.EADDRNOTAVAIL)
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        return (listener, UInt16(bigEndian: address.sin_port))
    }
}
