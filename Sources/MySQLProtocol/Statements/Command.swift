package import NIOCore

/// A value bound to a `?` of a statement.
package enum MySQLParameter: Sendable {
    /// Text, in UTF-8.
    case text(String)
    /// A signed integer of 64 bits.
    case integer(Int64)
    /// SQL's NULL.
    case null

    /// The type that is sent to the server.
    var type: ColumnType {
        switch self {
        case .text: .varString
        case .integer: .longLong
        case .null: .null
        }
    }
}

/// The commands that this client sends. (MySQL: "Command Phase".)
extension ByteBuffer {
    /// COM_QUERY: a statement as text.
    package mutating func writeQuery(_ sql: String) {
        writePacket { packet in
            packet.writeInteger(UInt8(0x03))
            packet.writeString(sql)
        }
    }

    /// COM_STMT_PREPARE.
    package mutating func writePrepare(_ sql: String) {
        writePacket { packet in
            packet.writeInteger(UInt8(0x16))
            packet.writeString(sql)
        }
    }

    /// COM_STMT_CLOSE, which has no answer.
    package mutating func writeClose(statement id: UInt32) {
        writePacket { packet in
            packet.writeInteger(UInt8(0x19))
            packet.writeInteger(id, endianness: .little)
        }
    }

    /// COM_PING.
    package mutating func writePing() {
        writePacket { $0.writeInteger(UInt8(0x0E)) }
    }

    /// COM_RESET_CONNECTION: resets the session to its state after the login.
    package mutating func writeReset() {
        writePacket { $0.writeInteger(UInt8(0x1F)) }
    }

    /// COM_QUIT, which has no answer.
    package mutating func writeQuit() {
        writePacket { $0.writeInteger(UInt8(0x01)) }
    }

    /// COM_STMT_EXECUTE.
    ///
    /// - Parameters:
    ///   - id: The statement's; ``lastPrepared`` for the one that MariaDB prepared last.
    ///   - parameters: The value of each `?`. Their types are sent every time, so they may change.
    package mutating func writeExecute(statement id: UInt32, _ parameters: [MySQLParameter]) {
        writePacket { packet in
            packet.writeInteger(UInt8(0x17))
            packet.writeInteger(id, endianness: .little)
            // No cursor; one iteration.
            packet.writeInteger(UInt8(0))
            packet.writeInteger(UInt32(1), endianness: .little)
            if !parameters.isEmpty { packet.writeParameters(parameters) }
        }
    }

    /// For MariaDB, instead of a statement's ID. (MariaDB: "COM_STMT_EXECUTE".)
    package static var lastPrepared: UInt32 { .max }

    private mutating func writeParameters(_ parameters: [MySQLParameter]) {
        let nulls = writerIndex
        writeRepeatingByte(0, count: (parameters.count + 7) / 8)
        writeInteger(UInt8(1))
        for parameter in parameters { writeInteger(UInt16(parameter.type.rawValue), endianness: .little) }
        for (index, parameter) in parameters.enumerated() {
            switch parameter {
            case .text(let text): writeLengthEncodedString(text)
            case .integer(let number): writeInteger(number, endianness: .little)
            case .null:
                let at = nulls + index / 8
                let bits = getInteger(at: at, as: UInt8.self) ?? 0
                setInteger(bits | 1 << UInt8(index % 8), at: at)
            }
        }
    }
}
