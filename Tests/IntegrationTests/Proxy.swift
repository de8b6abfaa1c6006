import Foundation
import NIOConcurrencyHelpers

/// A TCP proxy on 127.0.0.1 before a server: a network that a test can break in every way that networks do.
final class Proxy: Sendable {
    private struct Link {
        let client: Int32
        let server: Int32
    }

    private struct State {
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
        /// Links whose next bytes from the server are cut in their midst.
        var truncated: Set<Int> = []
        /// Links whose server is gone, which their clients don't know.
        var abandoned: Set<Int> = []
        /// What becomes of each command of a client.
        var rewriting: (@Sendable ([UInt8]) -> Command)?
    }

    /// What the server gets in the place of a command.
    enum Command: Sendable {
        case asItIs
        /// Another statement: to be prepared if the command prepares one, else by the protocol for text.
        case statement(String)
        /// Nothing, nor anything later: the connection breaks.
        case cut
        /// The command; then the connection breaks, before the client has the answer.
        case cutBehind
    }

    let port: UInt16
    private let target: UInt16
    private let state = NIOLockedValueBox(State())

    init(to target: UInt16) throws {
        self.target = target
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

    /// Breaks all connections, and takes no more.
    func down() {
        state.withLockedValue { state in
            cut(&state)
            state.isHeld = false
            if let listener = state.listener {
                shutdown(listener, Int32(SHUT_RDWR))
                close(listener)
            }
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

    /// The server's ends of all connections are closed, and nobody tells the clients, as after a cut of a router that
    /// forgets them. New connections are not touched.
    func abandon() {
        state.withLockedValue { state in
            state.broken += state.links.count
            state.abandoned.formUnion(state.links.keys)
            for link in state.links.values { shutdown(link.server, Int32(SHUT_RDWR)) }
        }
    }

    /// Cuts all present connections in the midst of what the server sends next.
    func truncate() {
        state.withLockedValue { state in
            state.broken += state.links.count
            state.truncated.formUnion(state.links.keys)
        }
    }

    /// Puts what the server gets in the place of each command: of its bytes, the first of which tells its kind. Nothing
    /// may be under way. (Not for connections with TLS.)
    func rewrite(_ rewriting: @escaping @Sendable ([UInt8]) -> Command) {
        state.withLockedValue { $0.rewriting = rewriting }
    }

    private func accept(on listener: Int32) {
        state.withLockedValue { $0.listener = listener }
        Thread.detachNewThread { [self] in
            while true {
                let client = Foundation.accept(listener, nil, nil)
                guard client >= 0 else { return }
                let isRefused = state.withLockedValue { state in
                    state.accepted += 1
                    return state.refuses
                }
                if isRefused {
                    close(client)
                    continue
                }
                let server = Self.socket()
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
                    return
                }
                Thread.detachNewThread { self.forward(client, server, number) }
            }
        }
    }

    /// Carries bytes both ways until either side ends.
    private func forward(_ client: Int32, _ server: Int32, _ link: Int) {
        let back = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            self.carry(from: server, to: client, link, isAnswer: true)
            back.signal()
        }
        carry(from: client, to: server, link, isAnswer: false)
        back.wait()
        state.withLockedValue { state in
            state.links[link] = nil
            state.truncated.remove(link)
            state.abandoned.remove(link)
        }
        close(client)
        close(server)
    }

    private func carry(from source: Int32, to target: Int32, _ link: Int, isAnswer: Bool) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var packets: [UInt8] = []
        while true {
            var count = read(source, &buffer, buffer.count)
            if !isAnswer, count > 0, let rewriting = state.withLockedValue(\.rewriting) {
                packets += buffer[..<count]
                guard forward(&packets, to: target, source, rewriting) else { break }
                continue
            }
            let (delay, isTruncated, isAbandoned) = state.withLockedValue {
                ($0.delay, isAnswer && $0.truncated.contains(link), $0.abandoned.contains(link))
            }
            if isAbandoned {
                // The client's bytes go nowhere, until it gives up itself.
                if isAnswer { return }
                if count > 0 { continue }
                break
            }
            if delay > 0 { Thread.sleep(forTimeInterval: delay) }
            while state.withLockedValue(\.isHeld) { Thread.sleep(forTimeInterval: 0.005) }
            if isTruncated { count = count / 2 }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes { bytes in
                    send(target, bytes.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { break }
                sent += written
            }
            if count <= 0 || sent < count || isTruncated { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }

    /// Sends on the commands that are complete.
    ///
    /// - Returns: Whether the connection goes on.
    private func forward(
        _ packets: inout [UInt8], to target: Int32, _ source: Int32, _ rewriting: ([UInt8]) -> Command
    ) -> Bool {
        while packets.count >= 4 {
            let length = Int(packets[0]) | Int(packets[1]) << 8 | Int(packets[2]) << 16
            guard packets.count >= 4 + length else { break }
            let payload = Array(packets[4..<4 + length])
            // Only what begins a command is numbered 0.
            let number = packets[3]
            let command = number == 0 ? rewriting(payload) : .asItIs
            packets.removeFirst(4 + length)
            var sent = payload
            switch command {
            case .cut: return false
            case .cutBehind:
                // The server's answer, and that it is there, stays with us.
                shutdown(source, Int32(SHUT_RDWR))
            case .statement(let sql): sent = [payload.first == 0x16 ? 0x16 : 0x03] + Array(sql.utf8)
            case .asItIs: break
            }
            let header = [UInt8(sent.count & 0xFF), UInt8(sent.count >> 8 & 0xFF), UInt8(sent.count >> 16), number]
            let bytes = header + sent
            guard send(target, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return false }
            if case .cutBehind = command {
                // All that was sent is carried out before the connection ends there, too.
                shutdown(target, Int32(SHUT_WR))
                return false
            }
        }
        return true
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
