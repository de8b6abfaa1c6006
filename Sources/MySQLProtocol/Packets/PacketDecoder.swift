package import NIOCore

/// Splits a byte stream into packets.
///
/// A packet has a header of four bytes, its length and its number, and at most 16,777,215 bytes; a longer payload
/// comes in several, the last of them shorter than that. (MySQL: "MySQL Packets".)
///
/// Complete packets are read in place. A partial packet is buffered until the rest arrives; an announced length alone
/// takes no memory.
package struct PacketDecoder {
    /// The largest payload of a single packet.
    package static let maximumChunk = 0xFF_FFFF
    /// A larger buffer is released once it is empty, in bytes.
    private static let keptCapacity = 256 << 10

    /// The largest accepted payload, in bytes.
    package var maximumPayload: Int

    /// Bytes that were received and not yet processed.
    private var pending = ByteBuffer()
    /// The beginning of a payload in several packets.
    private var chunks: ByteBuffer?
    /// The packet that continues it: its missing bytes, and its header.
    private var chunk: (missing: Int, length: Int, sequence: UInt8)?

    package init(maximumPayload: Int) {
        self.maximumPayload = maximumPayload
    }

    /// Bytes that wait for the rest of their packet.
    package var pendingBytes: Int { pending.readableBytes + (chunks?.readableBytes ?? 0) + (chunk == nil ? 0 : 1) }

    /// Consumes received bytes, and calls `packet` for each complete packet, in order.
    ///
    /// - Parameters:
    ///   - input: The received bytes.
    ///   - packet: Called with each packet's number and payload, which is valid only during the call. It returns false
    ///     to stop: the rest stays pending.
    /// - Throws: ``ProtocolError`` for a payload larger than ``maximumPayload``, and what `packet` throws.
    package mutating func decode(
        _ input: ByteBuffer, _ packet: (UInt8, UnsafeRawBufferPointer) throws(ProtocolError) -> Bool
    ) throws(ProtocolError) {
        if pending.readableBytes == 0 {
            var input = input
            try decodePackets(&input, packet)
            if input.readableBytes > 0 { keep(input) }
        } else {
            pending.writeImmutableBuffer(input)
            var buffer = pending
            pending = ByteBuffer()
            try decodePackets(&buffer, packet)
            // Uniquely referenced again, so bytes are appended in place.
            pending = buffer
            if pending.readableBytes == 0 {
                pending = pending.capacity > Self.keptCapacity ? ByteBuffer() : pending
                pending.clear()
            } else if pending.readerIndex > Self.keptCapacity {
                pending.discardReadBytes()
            }
        }
    }

    private mutating func keep(_ rest: ByteBuffer) {
        // A copy: a small rest must not keep the socket's whole buffer.
        pending.clear()
        pending.writeImmutableBuffer(rest)
    }

    private mutating func decodePackets(
        _ buffer: inout ByteBuffer, _ packet: (UInt8, UnsafeRawBufferPointer) throws(ProtocolError) -> Bool
    ) throws(ProtocolError) {
        var consumed = 0
        var failure: ProtocolError?
        buffer.withUnsafeReadableBytes { bytes in
            do throws(ProtocolError) {
                while true {
                    if chunk != nil {
                        guard try continueChunk(bytes, &consumed, packet) else { break }
                        continue
                    }
                    guard bytes.count - consumed >= 4 else { break }
                    let header = UnsafeRawBufferPointer(rebasing: bytes[consumed..<consumed + 4])
                    let length = Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16
                    guard length + (chunks?.readableBytes ?? 0) <= maximumPayload else {
                        throw ProtocolError(
                            "the server sent a packet of more than \(maximumPayload) bytes, which is the limit")
                    }
                    if chunks != nil || length == Self.maximumChunk {
                        // Appended as it arrives, to avoid a second copy.
                        chunk = (length, length, header[3])
                        chunks = chunks ?? ByteBuffer()
                        consumed += 4
                        continue
                    }
                    guard bytes.count - consumed >= 4 + length else { break }
                    let payload = UnsafeRawBufferPointer(rebasing: bytes[consumed + 4..<consumed + 4 + length])
                    consumed += 4 + length
                    guard try packet(header[3], payload) else { break }
                }
            } catch {
                failure = error
            }
        }
        buffer.moveReaderIndex(forwardBy: consumed)
        if let failure { throw failure }
    }

    /// Consumes received bytes of a continuation packet.
    ///
    /// - Returns: Whether to continue.
    private mutating func continueChunk(
        _ bytes: UnsafeRawBufferPointer, _ consumed: inout Int,
        _ packet: (UInt8, UnsafeRawBufferPointer) throws(ProtocolError) -> Bool
    ) throws(ProtocolError) -> Bool {
        guard let (missing, length, sequence) = chunk else { return true }
        let count = min(missing, bytes.count - consumed)
        chunks?.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[consumed..<consumed + count]))
        consumed += count
        guard count == missing else {
            chunk = (missing - count, length, sequence)
            return false
        }
        chunk = nil
        // The last one is shorter than the others can be.
        guard length < Self.maximumChunk, let whole = chunks else { return true }
        chunks = nil
        var goesOn = true
        var failure: ProtocolError?
        whole.withUnsafeReadableBytes { bytes in
            do throws(ProtocolError) {
                goesOn = try packet(sequence, bytes)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return goesOn
    }
}
