import Foundation
import NIOConcurrencyHelpers

extension Proxy {
    /// Carries bytes both ways until either side ends.
    func forward(_ client: Int32, _ server: Int32, _ link: Int) {
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
        var carried = 0
        var isGreeting = isAnswer
        while true {
            var count = read(source, &buffer, buffer.count)
            if isGreeting, count > 0, let greeting = state.withLockedValue(\.greeting) {
                // It comes in one piece.
                let packet = Self.packet(buffer[3], greeting(Array(buffer[4..<count])))
                buffer.replaceSubrange(..<packet.count, with: packet)
                count = packet.count
            }
            isGreeting = false
            if !isAnswer, count > 0, let rewriting = state.withLockedValue(\.rewriting) {
                packets += buffer[..<count]
                guard forward(&packets, to: target, source, rewriting) else { break }
                continue
            }
            let (delay, rate, isTruncated, isAbandoned) = state.withLockedValue {
                ($0.delay, $0.rate, isAnswer && $0.truncated.contains(link), $0.abandoned.contains(link))
            }
            if isAbandoned {
                // The client's bytes go nowhere, until it gives up itself.
                if isAnswer { return }
                if count > 0 { continue }
                break
            }
            if delay > 0 { Thread.sleep(forTimeInterval: delay) }
            if isAnswer, let rate { Thread.sleep(forTimeInterval: Double(max(0, count)) / Double(rate)) }
            while state.withLockedValue(\.isHeld) { Thread.sleep(forTimeInterval: 0.005) }
            if isTruncated { count = count / 2 }
            let isCut = isAtLimit(&count, carried, link, isAnswer)
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes { bytes in
                    send(target, bytes.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { break }
                sent += written
            }
            carried += sent
            state.withLockedValue { if isAnswer { $0.toClients += sent } else { $0.toServer += sent } }
            if count <= 0 || sent < count || isTruncated || isCut { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }

    /// Whether a connection has come to the limit of what it may carry; then no more is to be carried than up to there.
    private func isAtLimit(_ count: inout Int, _ carried: Int, _ link: Int, _ isAnswer: Bool) -> Bool {
        state.withLockedValue { state in
            guard let limit = state.limit, limit.isAnswer == isAnswer, limit.link.map({ $0 == link }) ?? true,
                carried + count >= limit.bytes
            else { return false }
            count = max(0, limit.bytes - carried)
            state.limit = nil
            state.broken += 1
            return true
        }
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
                // The server's answer is withheld.
                shutdown(source, Int32(SHUT_RDWR))
            case .error(let code):
                // By the server: the answers to commands before it come first.
                let signal = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = \(code), MESSAGE_TEXT = 'no server for it'"
                sent = [0x03] + Array(signal.utf8)
            case .statement(let sql): sent = [payload.first == 0x16 ? 0x16 : 0x03] + Array(sql.utf8)
            case .asItIs: break
            }
            let packet = Self.packet(number, sent)
            guard send(target, packet, packet.count, Int32(MSG_NOSIGNAL)) == packet.count else { return false }
            if case .cutBehind = command {
                // All that was sent is carried out before the connection ends there, too.
                shutdown(target, Int32(SHUT_WR))
                return false
            }
        }
        return true
    }

    private static func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        return [UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16), number] + payload
    }
}
