/// The first bytes of packets, which identify their kind. (MySQL: "Generic Response Packets".)
package enum PacketHeader {
    package static let ok: UInt8 = 0x00
    static let moreData: UInt8 = 0x01
    static let localInfile: UInt8 = 0xFB
    static let endOfFile: UInt8 = 0xFE
    package static let error: UInt8 = 0xFF
}

/// An OK packet.
package struct OKPacket: Equatable, Sendable {
    /// Rows inserted, deleted, or found by an UPDATE.
    package var affectedRows: UInt64
    package var lastInsertID: UInt64
    package var status: StatusFlags

    package init(affectedRows: UInt64 = 0, lastInsertID: UInt64 = 0, status: StatusFlags = []) {
        self.affectedRows = affectedRows
        self.lastInsertID = lastInsertID
        self.status = status
    }

    /// Reads what follows the header byte.
    init(_ reader: inout PacketReader) throws(ProtocolError) {
        affectedRows = try reader.readLengthEncodedInteger()
        lastInsertID = try reader.readLengthEncodedInteger()
        status = StatusFlags(rawValue: UInt16(try reader.readInteger(2)))
    }
}

/// The server's status flags after a command. (MySQL: "Status Flags".)
package struct StatusFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let inTransaction = StatusFlags(rawValue: 1)
    package static let autocommit = StatusFlags(rawValue: 2)
    package static let moreResults = StatusFlags(rawValue: 8)
}

/// An error packet.
package struct ErrorPacket: Error, Equatable, Sendable {
    package var code: UInt16
    /// Five characters; `HY000` if the server sends none.
    package var sqlState: String
    /// The server's message, unmodified.
    package var message: String

    package init(code: UInt16, sqlState: String, message: String) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    /// Reads what follows the header byte. Before the login there is no SQLSTATE.
    package init(_ reader: inout PacketReader) throws(ProtocolError) {
        code = UInt16(try reader.readInteger(2))
        sqlState = "HY000"
        if reader.first == UInt8(ascii: "#"), reader.count >= 6 {
            _ = try reader.readByte()
            sqlState = try reader.read(5).text
        }
        message = reader.readRest().text
    }
}
