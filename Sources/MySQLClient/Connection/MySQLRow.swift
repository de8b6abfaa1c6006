import MySQLProtocol

/// A row of a result.
package struct MySQLRow: Sendable {
    enum Value: Sendable {
        case null
        case text(String)
        case integer(Int64)
        case unsigned(UInt64)
        case double(Double)
    }

    let values: [Value]

    /// Reads all columns of a row.
    package init(_ reader: inout RowReader) throws(ProtocolError) {
        var values: [Value] = []
        values.reserveCapacity(reader.columns.count)
        for _ in reader.columns {
            let value: Value =
                switch try reader.next() {
                case .null: .null
                case .bytes(let bytes): .text(bytes.text)
                case .temporal(let text): .text(text)
                case .integer(let number): .integer(number)
                case .unsigned(let number): .unsigned(number)
                case .float(let number): .double(Double("\(number)") ?? Double(number))
                case .double(let number): .double(number)
                }
            values.append(value)
        }
        self.values = values
    }

    /// The number of columns.
    package var count: Int { values.count }

    /// A column's value. One that the server has left out is NULL: what answers may be no server.
    private func value(_ column: Int) -> Value {
        column < values.count ? values[column] : .null
    }

    /// The text of a column, or nil for SQL's NULL.
    package func text(_ column: Int) -> String? {
        switch value(column) {
        case .null: nil
        case .text(let text): text
        case .integer(let number): String(number)
        case .unsigned(let number): String(number)
        case .double(let number): String(number)
        }
    }

    /// The integer in a column, or nil for SQL's NULL or a value that is not an integer.
    package func integer(_ column: Int) -> Int64? {
        switch value(column) {
        case .integer(let number): number
        case .unsigned(let number): Int64(exactly: number)
        case .text(let text): Int64(text)
        case .null, .double: nil
        }
    }

    /// The size of a column's text, in bytes; 0 for NULL.
    package func size(_ column: Int) -> Int {
        if case .text(let text) = value(column) { return text.utf8.count }
        return text(column)?.utf8.count ?? 0
    }
}
