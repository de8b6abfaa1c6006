/// Reads the fields of one packet, front to back. Every read is checked against the packet's end.
///
/// It points into the packet, so it must not escape the call. Integers are little-endian.
/// (MySQL: "Protocol Basics, Data Types".)
package struct PacketReader {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline var position = 0

    @inlinable package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The number of remaining bytes.
    @inlinable package var count: Int { bytes.count - position }

    /// The next byte, not consumed; nil at the end.
    @inlinable package var first: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// The next `count` bytes.
    @inlinable package mutating func read(_ count: Int) throws(ProtocolError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count - position else { throw ProtocolError.truncated }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    /// An unsigned integer of `count` bytes, 8 at most.
    @inlinable package mutating func readInteger(_ count: Int) throws(ProtocolError) -> UInt64 {
        var number: UInt64 = 0
        for (index, byte) in try read(count).enumerated() { number |= UInt64(byte) << UInt64(8 * index) }
        return number
    }

    @inlinable package mutating func readByte() throws(ProtocolError) -> UInt8 {
        guard let byte = first else { throw ProtocolError.truncated }
        position += 1
        return byte
    }

    /// A length-encoded integer. `0xFB`, which stands for NULL in rows, and `0xFF` are invalid.
    @inlinable package mutating func readLengthEncodedInteger() throws(ProtocolError) -> UInt64 {
        let first = try readByte()
        switch first {
        case ..<0xFB: return UInt64(first)
        case 0xFC: return try readInteger(2)
        case 0xFD: return try readInteger(3)
        case 0xFE: return try readInteger(8)
        default: throw ProtocolError("the server sent an invalid length")
        }
    }

    /// A length-encoded string.
    @inlinable package mutating func readLengthEncodedBytes() throws(ProtocolError) -> UnsafeRawBufferPointer {
        guard let length = Int(exactly: try readLengthEncodedInteger()) else { throw ProtocolError.truncated }
        return try read(length)
    }

    /// The bytes up to a NUL, which is skipped.
    package mutating func readNullTerminated() throws(ProtocolError) -> UnsafeRawBufferPointer {
        guard let end = bytes[position...].firstIndex(of: 0) else { throw ProtocolError.truncated }
        defer { position = end + 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<end])
    }

    /// The remaining bytes.
    package mutating func readRest() -> UnsafeRawBufferPointer {
        defer { position = bytes.count }
        return UnsafeRawBufferPointer(rebasing: bytes[position...])
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes as UTF-8 text; invalid sequences become U+FFFD.
    @inlinable package var text: String { String(decoding: self, as: UTF8.self) }
}
