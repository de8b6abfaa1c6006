/// A value bound to a `?` of a statement.
public enum MySQLParameter: Sendable {
    /// Text, in UTF-8.
    case text(String)
    /// A signed integer of 64 bits.
    case integer(Int64)
    /// SQL's NULL.
    case null
}
