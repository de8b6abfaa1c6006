/// The server's first packet. (MySQL: "Protocol::HandshakeV10".)
package struct Greeting: Equatable, Sendable {
    package var serverVersion: String
    /// The connection ID, as `CONNECTION_ID()` returns it and `KILL` takes it.
    package var connectionID: UInt32
    package var challenge: [UInt8]
    package var capabilities: Capabilities
    /// The method that the server proposes; an account may require another one later.
    package var methodName: String

    package init(_ payload: UnsafeRawBufferPointer) throws(ProtocolError) {
        var reader = PacketReader(payload)
        let version = try reader.readByte()
        guard version == 10 else {
            throw ProtocolError("the server uses version \(version) of the protocol; only 10 is supported")
        }
        serverVersion = try reader.readNullTerminated().text
        connectionID = UInt32(try reader.readInteger(4))
        challenge = Array(try reader.read(8))
        _ = try reader.readByte()
        var flags = try reader.readInteger(2)
        // Servers from before 4.1 end here.
        guard reader.count > 0 else {
            capabilities = Capabilities(rawValue: flags)
            methodName = ""
            return
        }
        _ = try reader.read(3)
        flags |= try reader.readInteger(2) << 16
        let challengeLength = Int(try reader.readByte())
        _ = try reader.read(6)
        let extended = try reader.readInteger(4)
        if flags & Capabilities.longPassword.rawValue == 0 { flags |= extended << 32 }
        capabilities = Capabilities(rawValue: flags)
        // At least 13 bytes, the last of them NUL.
        let rest = try reader.read(min(reader.count, max(13, challengeLength - 8)))
        challenge += rest.last == 0 ? rest.dropLast() : rest[...]
        // MySQL 5.5.7 to 5.5.9 and 5.6.0 to 5.6.1 omit the NUL after the name.
        methodName = UnsafeRawBufferPointer(rebasing: reader.readRest().prefix { $0 != 0 }).text
    }
}
