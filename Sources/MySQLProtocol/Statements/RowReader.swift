/// A value of a column.
package enum ColumnValue {
    case null
    /// Text, or another type that is sent as bytes: decimals, JSON, enumerations. Valid as long as the packet.
    case bytes(UnsafeRawBufferPointer)
    case integer(Int64)
    case unsigned(UInt64)
    case float(Float)
    case double(Double)
    /// A date or time, as the server would write it.
    case temporal(String)
}

/// Reads the columns of one row, in order. It points into the packet, so it must not escape the call.
///
/// (MySQL: "Text Resultset Row", "Binary Protocol Resultset Row".)
package struct RowReader {
    package let columns: [Column]
    /// The binary protocol of prepared statements.
    package let isBinary: Bool
    @usableFromInline var reader: PacketReader
    @usableFromInline var index = 0
    @usableFromInline let nulls: UnsafeRawBufferPointer

    package init(
        _ payload: UnsafeRawBufferPointer, columns: [Column], isBinary: Bool
    ) throws(ProtocolError) {
        self.columns = columns
        self.isBinary = isBinary
        reader = PacketReader(payload)
        if isBinary {
            guard try reader.readByte() == PacketHeader.ok else {
                throw ProtocolError("the server sent an invalid row")
            }
            nulls = try reader.read((columns.count + 9) / 8)
        } else {
            nulls = UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// The next column's bytes, nil for NULL. Only for columns of text or bytes.
    @inlinable package mutating func nextBytes() throws(ProtocolError) -> UnsafeRawBufferPointer? {
        guard index < columns.count else { throw ProtocolError.tooFewColumns }
        if isBinary {
            let column = columns[index]
            guard !isNull() else { return nil }
            guard column.type.hasLength else {
                throw ProtocolError("the server sent a number instead of text")
            }
            return try reader.readLengthEncodedBytes()
        }
        index += 1
        if reader.first == 0xFB {
            _ = try reader.readByte()
            return nil
        }
        return try reader.readLengthEncodedBytes()
    }

    /// The next column's value.
    package mutating func next() throws(ProtocolError) -> ColumnValue {
        guard isBinary else { return try nextBytes().map(ColumnValue.bytes) ?? .null }
        guard index < columns.count else { throw ProtocolError.tooFewColumns }
        let column = columns[index]
        guard !isNull() else { return .null }
        return try reader.readBinaryValue(column)
    }

    /// Whether the next column is NULL, which is then skipped.
    @inlinable mutating func isNull() -> Bool {
        defer { index += 1 }
        return nulls[(index + 2) / 8] >> UInt8((index + 2) % 8) & 1 != 0
    }
}

extension ColumnType {
    /// Values are length-prefixed, in the binary protocol too.
    @inlinable package var hasLength: Bool {
        switch rawValue {
        case 0x00, 0x0F, 0x10, 0xF5...0xFF: true
        default: false
        }
    }
}

extension PacketReader {
    /// (MySQL: "Binary Protocol Value".)
    mutating func readBinaryValue(_ column: Column) throws(ProtocolError) -> ColumnValue {
        switch column.type {
        case .tiny: return try readBinaryInteger(1, column)
        case .short, .year: return try readBinaryInteger(2, column)
        case .long, .int24: return try readBinaryInteger(4, column)
        case .longLong: return try readBinaryInteger(8, column)
        case .float: return .float(Float(bitPattern: UInt32(try readInteger(4))))
        case .double: return .double(Double(bitPattern: try readInteger(8)))
        case .date, .dateTime, .timestamp: return .temporal(try readDateTime(column))
        case .time: return .temporal(try readTime(column))
        case .null: return .null
        case let type where type.hasLength: return .bytes(try readLengthEncodedBytes())
        default: throw ProtocolError("the server sent a column of an unknown type")
        }
    }

    private mutating func readBinaryInteger(_ count: Int, _ column: Column) throws(ProtocolError) -> ColumnValue {
        let number = try readInteger(count)
        if column.isUnsigned { return .unsigned(number) }
        let unused = UInt64(64 - 8 * count)
        return .integer(Int64(bitPattern: number << unused) >> Int64(unused))
    }

    private mutating func readDateTime(_ column: Column) throws(ProtocolError) -> String {
        var fields = PacketReader(try readLengthEncodedBytes())
        guard [0, 4, 7, 11].contains(fields.count) else { throw ProtocolError("the server sent an invalid date") }
        let isEmpty = fields.count == 0
        let year = isEmpty ? 0 : try fields.readInteger(2)
        let month = isEmpty ? 0 : try fields.readByte()
        let day = isEmpty ? 0 : try fields.readByte()
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        return column.type == .date ? date : "\(date) \(try fields.readClock(hours: nil, column))"
    }

    private mutating func readTime(_ column: Column) throws(ProtocolError) -> String {
        var fields = PacketReader(try readLengthEncodedBytes())
        guard [0, 8, 12].contains(fields.count) else { throw ProtocolError("the server sent an invalid time") }
        guard fields.count > 0 else { return try fields.readClock(hours: 0, column) }
        let sign = try fields.readByte() == 0 ? "" : "-"
        let days = try fields.readInteger(4)
        return sign + (try fields.readClock(hours: days * 24, column))
    }

    /// Hours, minutes, seconds and fractions; omitted parts are zero.
    private mutating func readClock(hours days: UInt64?, _ column: Column) throws(ProtocolError) -> String {
        let isThere = count > 0
        let hour = (days ?? 0) + UInt64(isThere ? try readByte() : 0)
        let minute = isThere ? try readByte() : 0
        let second = isThere ? try readByte() : 0
        let fraction = count > 0 ? try readInteger(4) : 0
        let clock = "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))"
        let digits = min(6, Int(column.decimals))
        return digits == 0 ? clock : "\(clock).\(padded(fraction, 6).prefix(digits))"
    }

    private func padded(_ number: some BinaryInteger, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
