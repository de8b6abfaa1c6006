/// A row of an answer. It is valid only within the call that hands it over.
public struct MySQLRow {
    let statement: PreparedStatement

    /// How many columns there are.
    public var count: Int { statement.columnCount }

    /// The text of a column, or nil for SQL's NULL.
    public func text(_ column: Int) -> String? {
        statement.withColumn(column) { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    /// The bytes of a column's text, for the time of the call; nil for SQL's NULL.
    package func withBytes<T>(_ column: Int, _ body: (UnsafeRawBufferPointer?) -> T) -> T {
        statement.withColumn(column, body)
    }

    /// An integer of a column, or nil for SQL's NULL or for what is no integer.
    public func integer(_ column: Int) -> Int64? {
        text(column).flatMap { Int64($0) }
    }

    /// The size of a column, in bytes; 0 for NULL.
    public func size(_ column: Int) -> Int {
        statement.withColumn(column) { $0?.count ?? 0 }
    }
}
