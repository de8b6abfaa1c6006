import Foundation
import Testing

@testable import MySQLClient

@Suite struct InterrupterTests {
    private func pair() -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        #if os(Linux)
            let stream = Int32(SOCK_STREAM.rawValue)
        #else
            let stream = SOCK_STREAM
        #endif
        #expect(socketpair(AF_UNIX, stream, 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    private func isOpen(_ sender: Int32, _ receiver: Int32) -> Bool {
        var byte: UInt8 = 1
        return send(sender, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 && read(receiver, &byte, 1) == 1
    }

    @Test func whatReadsTheSocketIsEnded() {
        let (one, other) = pair()
        let interrupter = Interrupter()
        interrupter.open(one)
        #expect(isOpen(one, other))
        interrupter.interrupt()
        #expect(!isOpen(one, other))
        for descriptor in [one, other] { close(descriptor) }
        interrupter.close()
    }

    /// Connector/C has closed the socket, and its number is another's.
    @Test func anotherConnectionIsNotEnded() {
        let (one, other) = pair()
        let (another, receiver) = pair()
        let interrupter = Interrupter()
        interrupter.open(one)
        // As if a connection were opened after `one` was closed.
        #expect(dup2(another, one) == one)
        interrupter.interrupt()
        #expect(isOpen(one, receiver))
        for descriptor in [one, other, another, receiver] { close(descriptor) }
        interrupter.close()
    }
}
