/// The type of a column, by the protocol's numbers. (MySQL: `enum_field_types`.)
package struct ColumnType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    @inlinable package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let tiny = ColumnType(rawValue: 0x01)
    package static let short = ColumnType(rawValue: 0x02)
    package static let long = ColumnType(rawValue: 0x03)
    package static let float = ColumnType(rawValue: 0x04)
    package static let double = ColumnType(rawValue: 0x05)
    package static let null = ColumnType(rawValue: 0x06)
    package static let timestamp = ColumnType(rawValue: 0x07)
    package static let longLong = ColumnType(rawValue: 0x08)
    package static let int24 = ColumnType(rawValue: 0x09)
    package static let date = ColumnType(rawValue: 0x0A)
    package static let time = ColumnType(rawValue: 0x0B)
    package static let dateTime = ColumnType(rawValue: 0x0C)
    package static let year = ColumnType(rawValue: 0x0D)
    package static let varString = ColumnType(rawValue: 0xFD)
}

/// The part of a column definition that is needed to read its values.
package struct Column: Hashable, Sendable {
    package let type: ColumnType
    package let isUnsigned: Bool
    /// Fractional digits of a time; 31 for a float with a variable number.
    package let decimals: UInt8

    package init(type: ColumnType, isUnsigned: Bool = false, decimals: UInt8 = 0) {
        self.type = type
        self.isUnsigned = isUnsigned
        self.decimals = decimals
    }

    /// Reads a description. (MySQL: "Protocol::ColumnDefinition41".)
    init(_ payload: UnsafeRawBufferPointer) throws(ProtocolError) {
        var reader = PacketReader(payload)
        // Catalog, database, table and column, and their original names.
        for _ in 0..<6 { _ = try reader.readLengthEncodedBytes() }
        // The length of what follows: character set, width, type, flags, decimals.
        guard try reader.readLengthEncodedInteger() >= 10 else { throw ProtocolError.truncated }
        _ = try reader.read(6)
        type = ColumnType(rawValue: try reader.readByte())
        isUnsigned = try reader.readInteger(2) & 0x20 != 0
        decimals = try reader.readByte()
    }
}
