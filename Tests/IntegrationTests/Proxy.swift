import Foundation
import Locking
import MySQLClient

/// A TCP proxy on 127.0.0.1 before a server, which a test can take away and bring back: to its clients, a server that
/// goes down and comes up again.
final class Proxy: Sendable {
    private struct State {
        var listener: Int32?
        var sockets: Set<Int32> = []
        var broken = 0
    }

    let port: UInt16
    private let target: UInt16
    private let state = Locked(State())

    init(to target: UInt16) throws {
        self.target = target
        let (listener, port) = try Self.listen(on: 0)
        self.port = port
        accept(on: listener)
    }

    /// How many connections are open.
    var connections: Int { state.withLock { $0.sockets.count / 2 } }

    /// How many connections ``down()`` has broken.
    var broken: Int { state.withLock { $0.broken } }

    /// Breaks all connections, and takes no more.
    func down() {
        state.withLock { state in
            state.broken += state.sockets.count / 2
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
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

    private func accept(on listener: Int32) {
        state.withLock { $0.listener = listener }
        Thread.detachNewThread { [self] in
            while true {
                let client = Foundation.accept(listener, nil, nil)
                guard client >= 0 else { return }
                let server = Self.socket()
                guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
                    close(client)
                    close(server)
                    continue
                }
                let isUp = state.withLock { state in
                    guard state.listener == listener else { return false }
                    state.sockets.formUnion([client, server])
                    return true
                }
                guard isUp else {
                    close(client)
                    close(server)
                    return
                }
                Thread.detachNewThread { self.forward(client, server) }
            }
        }
    }

    /// Carries bytes both ways until either side ends.
    private func forward(_ client: Int32, _ server: Int32) {
        let back = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            Self.carry(from: server, to: client)
            back.signal()
        }
        Self.carry(from: client, to: server)
        back.wait()
        state.withLock { $0.sockets.subtract([client, server]) }
        close(client)
        close(server)
    }

    private static func carry(from source: Int32, to target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(source, &buffer, buffer.count)
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes { bytes in
                    send(target, bytes.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { break }
                sent += written
            }
            if count <= 0 || sent < count { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
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
