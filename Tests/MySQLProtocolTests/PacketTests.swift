import MySQLProtocol
import Testing

@Suite struct PacketTests {
    @Test func errorsSayWhatWasWrong() {
        #expect(ProtocolError.truncated.description == "the server sent a packet that ends too early")
    }
}
