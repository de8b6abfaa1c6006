import Foundation
import NIOConcurrencyHelpers

/// A server on 127.0.0.1 that is scripted by a test, and records received bytes.
package final class FakeServer: Sendable {
    package let port: UInt16
    private let listener: Int32
    private let record = NIOLockedValueBox<[UInt8]>([])

    /// All that clients have sent.
    package var received: [UInt8] { record.withLockedValue(\.self) }

    /// Accepts connections, and runs `serve` for each on a thread.
    package init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        #if os(Linux)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        let listener = socket(AF_INET, stream, 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [listener, record] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    // Not before: the number may be another listener's by then, whose connections this would take.
                    close(listener)
                    return
                }
                let connection = Connection(descriptor: descriptor) { received in
                    record.withLockedValue { $0 += received }
                }
                Thread.detachNewThread {
                    serve(connection)
                    // Everything until the client hangs up.
                    while connection.read() != nil {}
                    close(descriptor)
                }
            }
        }
    }

    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    package struct Connection: Sendable {
        let descriptor: Int32
        fileprivate let record: @Sendable ([UInt8]) -> Void

        /// The client's next bytes; nil once it has hung up.
        package func read() -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            record(Array(buffer.prefix(count)))
            return Array(buffer.prefix(count))
        }

        package func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

        @discardableResult
        package func write(_ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } == bytes.count
        }

        /// Sends a packet of MySQL's protocol.
        package func packet(_ number: UInt8, _ payload: [UInt8]) {
            write(Self.packet(number, payload))
        }

        /// A packet with its header. (MySQL: "Protocol Basics".)
        package static func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
            let count = payload.count
            return [UInt8(count & 255), UInt8(count >> 8 & 255), UInt8(count >> 16), number] + payload
        }
    }

    package static let nonce = Array("abcdefghijklmnopqrst".utf8)

    /// A greeting of protocol 10. (MySQL: "Protocol::HandshakeV10".)
    package static func greeting(method: String, offersTLS: Bool = false, namesMethod: Bool = true) -> [UInt8] {
        // Long password, connect with database, protocol 4.1, transactions, secure connection, named methods.
        var capabilities: UInt32 = 0x0000_0001 | 0x8 | 0x200 | 0x2000 | 0x8000
        if namesMethod { capabilities |= 0x80000 }
        if offersTLS { capabilities |= 0x800 }
        func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
        var payload: [UInt8] = [10] + Array("8.0.99".utf8) + [0] + [1, 0, 0, 0] + nonce[..<8] + [0]
        payload += bytes(UInt16(truncatingIfNeeded: capabilities)) + [45] + bytes(2)
        payload += bytes(UInt16(capabilities >> 16)) + [21] + [UInt8](repeating: 0, count: 10)
        payload += nonce[8...] + [0]
        return payload + (namesMethod ? Array(method.utf8) + [0] : [])
    }
}
