import MySQLProtocol
import NIOCore
import Testing

/// Payloads that a single packet can't hold.
@Suite(.serialized) struct LongPacketTests {
    private static let chunk = PacketDecoder.maximumChunk

    /// Bytes of which no two neighbouring parts are the same.
    private func payload(_ count: Int) -> ByteBuffer {
        let pattern = ByteBuffer(bytes: (0..<1021).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count + pattern.readableBytes)
        while buffer.readableBytes < count { buffer.writeImmutableBuffer(pattern) }
        buffer.moveWriterIndex(to: count)
        return buffer
    }

    /// The payload as a server or client would send it: in packets, each with its header.
    private func packets(_ payload: ByteBuffer) -> ByteBuffer {
        var (rest, buffer, sequence) = (payload, ByteBuffer(), UInt8(0))
        while true {
            let length = min(rest.readableBytes, Self.chunk)
            buffer.writeBytes([UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length >> 16), sequence])
            if let part = rest.readSlice(length: length) { buffer.writeImmutableBuffer(part) }
            sequence += 1
            if length < Self.chunk { return buffer }
        }
    }

    private func decoded(
        _ bytes: ByteBuffer, cutAt cuts: [Int], limit: Int
    ) throws -> (packets: [ByteBuffer], sequences: [UInt8], pending: Int) {
        var decoder = PacketDecoder(maximumPayload: limit)
        var (packets, sequences, rest, position) = ([ByteBuffer](), [UInt8](), bytes, 0)
        for cut in cuts.filter({ $0 > 0 && $0 < bytes.readableBytes }).sorted() + [bytes.readableBytes] {
            guard let piece = rest.readSlice(length: cut - position) else { continue }
            position = cut
            try decoder.decode(piece) { (sequence, payload) throws(ProtocolError) in
                packets.append(ByteBuffer(bytes: payload))
                sequences.append(sequence)
                return true
            }
        }
        return (packets, sequences, decoder.pendingBytes)
    }

    static let sizes = [chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk, 2 * chunk + 1]

    @Test(arguments: sizes)
    func aLongPayloadIsSplitAndTheLastPacketIsShorter(_ count: Int) {
        let payload = payload(count)
        var buffer = ByteBuffer()
        buffer.writePacket { $0.writeImmutableBuffer(payload) }
        #expect(buffer == packets(payload))
        #expect(buffer.readableBytes == count + 4 * (count / Self.chunk + 1))
    }

    @Test func whatWasWrittenBeforeALongPacketStays() {
        let payload = payload(Self.chunk)
        var buffer = ByteBuffer()
        buffer.writePing()
        buffer.writePacket { $0.writeImmutableBuffer(payload) }
        buffer.writePing()
        #expect(Samples.hex(buffer.readBytes(length: 5) ?? []) == "010000000e")
        let length = Self.chunk + 8
        #expect(buffer.readSlice(length: length) == packets(payload))
        #expect(Samples.hex(buffer.readableBytesView) == "010000000e")
    }

    @Test(arguments: sizes)
    func aLongPayloadIsPutTogetherWhereverItsReadsEnd(_ count: Int) throws {
        let payload = payload(count)
        var bytes = packets(payload)
        bytes.writePing()
        let headers = stride(from: 0, through: bytes.readableBytes, by: Self.chunk + 4)
        let atHeaders = headers.flatMap { start in [-1, 0, 1, 2, 3, 4, 5].map { start + $0 } }
        let apart = Array(stride(from: 0, to: bytes.readableBytes, by: 4_999_999))
        for cuts in [[], atHeaders, apart, [bytes.readableBytes - 1]] {
            let result = try decoded(bytes, cutAt: cuts, limit: count)
            #expect(result.packets == [payload, ByteBuffer(bytes: [0x0E])])
            #expect(result.sequences == [UInt8(count / Self.chunk), 0])
            #expect(result.pending == 0)
        }
    }

    @Test(arguments: [[], [1], [1, 2, 3], [4]])
    func tooLongAPacketIsRefusedAtItsHeader(_ cuts: [Int]) throws {
        let header = ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0])
        #expect(throws: ProtocolError.self) { try decoded(header, cutAt: cuts, limit: 1 << 20) }
        // With one byte less of the header, this is undecided.
        let part = ByteBuffer(bytes: [0xFF, 0xFF, 0xFF])
        #expect(try decoded(part, cutAt: cuts, limit: 1 << 20).pending == 3)
    }

    @Test func theLimitIsOnThePayloadNotOnItsParts() throws {
        let limit = Self.chunk + 10
        for (count, isTaken) in [(limit, true), (limit + 1, false)] {
            var bytes = packets(payload(count))
            // The header of the second packet is enough.
            if !isTaken { bytes.moveWriterIndex(to: Self.chunk + 8) }
            let result = Result { try decoded(bytes, cutAt: [1 << 20], limit: limit) }
            switch result {
            case .success(let result): #expect(isTaken && result.packets.map(\.readableBytes) == [count])
            case .failure(let error): #expect(!isTaken && error is ProtocolError)
            }
        }
    }

    @Test func anAnnouncedLengthAloneTakesNoMemory() throws {
        for length: UInt8 in [0xFE, 0xFF] {
            let bytes = ByteBuffer(bytes: [length, 0xFF, 0xFF, 0, 1, 2, 3])
            let result = try decoded(bytes, cutAt: [], limit: 64 << 20)
            #expect(result.packets.isEmpty)
            #expect((1...7).contains(result.pending))
        }
    }

    /// The first byte of such a row is 0xFE, as that of the packet that ends rows. Both servers sent one so.
    @Test(arguments: [(Self.chunk - 4, "fdfbffff"), (0x100_0000, "fe0000000100000000")], [true, false])
    func aRowThatBeginsAsItsEndIsARow(_ row: (count: Int, length: String), deprecatesEOF: Bool) throws {
        let source = deprecatesEOF ? "mariadb" : "mariadb-eof"
        let packets = try Capture.named("query: a NULL first", of: source).packets
        var payload = ByteBuffer(bytes: Samples.bytes(hex: row.length))
        payload.writeRepeatingByte(0x78, count: row.count)
        var decoder = ResponseDecoder(.text, deprecatesEOF: deprecatesEOF)
        var lengths: [Int] = []
        var isDone = false
        func decode(_ bytes: ByteBuffer) throws(ProtocolError) {
            var packet = PacketDecoder(maximumPayload: 64 << 20)
            try packet.decode(bytes) { (_, payload) throws(ProtocolError) in
                let answer = try decoder.decode(payload) { row throws(ProtocolError) in
                    lengths.append(try row.nextBytes()?.count ?? -1)
                }
                if case .done = answer { isDone = true }
                return true
            }
        }
        // The row that was there, of one NULL, makes way for the long one.
        for packet in packets.dropLast(2) { try decode(ByteBuffer(bytes: packet)) }
        try decode(self.packets(payload))
        #expect(!isDone)
        for packet in packets.suffix(1) { try decode(ByteBuffer(bytes: packet)) }
        #expect(lengths == [row.count])
        #expect(isDone)
    }
}
