package import NIOCore

extension ByteBuffer {
    /// Writes a packet: its header, and the payload that `body` writes. A long payload is split.
    ///
    /// - Parameters:
    ///   - sequence: The packet's number, 0 for a command.
    ///   - body: Writes the payload.
    package mutating func writePacket(sequence: UInt8 = 0, _ body: (inout ByteBuffer) -> Void) {
        let start = writerIndex
        writeInteger(UInt32(0))
        body(&self)
        let length = writerIndex - start - 4
        if length < PacketDecoder.maximumChunk {
            setInteger(UInt32(length) | UInt32(sequence) << 24, at: start, endianness: .little)
        } else {
            splitPacket(from: start, sequence: sequence)
        }
    }

    /// Splits a payload that is too long for one packet.
    private mutating func splitPacket(from start: Int, sequence: UInt8) {
        guard var payload = getSlice(at: start + 4, length: writerIndex - start - 4) else { return }
        moveWriterIndex(to: start)
        var sequence = sequence
        while true {
            // The last one is shorter than the limit, possibly empty.
            let chunk = payload.readSlice(length: Swift.min(payload.readableBytes, PacketDecoder.maximumChunk))
            let length = chunk?.readableBytes ?? 0
            writeInteger(UInt32(length) | UInt32(sequence) << 24, endianness: .little)
            if let chunk { writeImmutableBuffer(chunk) }
            sequence &+= 1
            if length < PacketDecoder.maximumChunk { return }
        }
    }

    mutating func writeLengthEncodedInteger(_ number: Int) {
        switch number {
        case ..<0xFB: writeInteger(UInt8(number))
        case ..<0x1_0000:
            writeInteger(UInt8(0xFC))
            writeInteger(UInt16(number), endianness: .little)
        case ..<0x100_0000: writeInteger(UInt32(0xFD) | UInt32(number) << 8, endianness: .little)
        default:
            writeInteger(UInt8(0xFE))
            writeInteger(UInt64(number), endianness: .little)
        }
    }

    mutating func writeLengthEncodedString(_ text: String) {
        writeLengthEncodedInteger(text.utf8.count)
        writeString(text)
    }
}
