import MySQLProtocol
import NIOCore
import Testing

/// The bytes of commands, one by one; ``CaptureTests`` has those of whole conversations.
@Suite struct CommandTests {
    private func hex(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return Samples.hex(buffer.readableBytesView)
    }

    @Test func commandsWithoutFieldsAreOneByte() {
        #expect(hex { $0.writePing() } == "010000000e")
        #expect(hex { $0.writeReset() } == "010000001f")
        #expect(hex { $0.writeQuit() } == "0100000001")
    }

    @Test func statementsAreWrittenAsUTF8() {
        #expect(hex { $0.writeQuery("DO 1") } == "0500000003444f2031")
        #expect(hex { $0.writePrepare("DO ?") } == "0500000016444f203f")
        #expect(hex { $0.writeQuery("é") } == "0300000003c3a9")
        #expect(hex { $0.writeQuery("") } == "0100000003")
    }

    @Test func aStatementIsNamedByItsID() {
        #expect(hex { $0.writeClose(statement: 0x0403_0201) } == "050000001901020304")
        #expect(hex { $0.writeExecute(statement: 0x0403_0201, []) } == "0a00000017010203040001000000")
        let last = hex { $0.writeExecute(statement: ByteBuffer.lastPrepared, []) }
        #expect(last == "0a00000017ffffffff0001000000")
    }

    @Test(
        arguments: [
            // Which are NULL; that types follow; the types; the values.
            ([.null], "01" + "01" + "0600"),
            ([.integer(-2)], "00" + "01" + "0800" + "feffffffffffffff"),
            ([.integer(.max), .integer(.min)], "00" + "01" + "08000800" + "ffffffffffffff7f" + "0000000000000080"),
            ([.text("")], "00" + "01" + "fd00" + "00"),
            ([.text("é"), .null, .text("a")], "02" + "01" + "fd000600fd00" + "02c3a9" + "0161"),
            (Array(repeating: .null, count: 8), "ff" + "01" + String(repeating: "0600", count: 8)),
            (Array(repeating: .null, count: 9), "ff01" + "01" + String(repeating: "0600", count: 9)),
        ] as [([MySQLParameter], String)])
    func parametersGoAlongWithTheirTypes(_ parameters: [MySQLParameter], _ expected: String) throws {
        let written = hex { $0.writeExecute(statement: 1, parameters) }
        let head = "17" + "01000000" + "00" + "01000000"
        let length = (head.utf8.count + expected.utf8.count) / 2
        #expect(written == Samples.hex([UInt8(length), 0, 0, 0]) + head + expected)
    }

    /// Both servers took texts of these lengths, and gave the lengths back.
    @Test(
        arguments: [
            (250, "fa"), (251, "fcfb00"), (65535, "fcffff"), (65536, "fd000001"), (0xFF_FFFF, "fdffffff"),
            (0x100_0000, "fe0000000100000000"),
        ])
    func theLengthOfATextTakesAsManyBytesAsItNeeds(_ count: Int, _ length: String) {
        let text = String(repeating: "x", count: count)
        var buffer = ByteBuffer()
        buffer.writeExecute(statement: 1, [.text(text)])
        // Header, command, id, flags, iterations, NULLs, types.
        let start = 4 + 1 + 4 + 1 + 4 + 1 + 1 + 2
        let bytes = buffer.getBytes(at: start, length: length.utf8.count / 2) ?? []
        #expect(Samples.hex(bytes) == length)
        let headers = 1 + (start - 4 + bytes.count + count) / PacketDecoder.maximumChunk
        #expect(buffer.readableBytes == start - 4 + 4 * headers + bytes.count + count)
    }

    @Test func commandsAreWrittenBehindEachOther() {
        let written = hex { buffer in
            buffer.writePrepare("DO ?")
            buffer.writeExecute(statement: ByteBuffer.lastPrepared, [.integer(1)])
            buffer.writePing()
        }
        let execution = "16000000" + "17ffffffff0001000000" + "00" + "01" + "0800" + "0100000000000000"
        #expect(written == "0500000016444f203f" + execution + "010000000e")
    }
}
