/// An entry that ``KvStore/list(prefix:)`` yields: a key and its value.
public struct KvEntry: Sendable, Hashable {
    /// The key.
    public let key: KvKey
    /// The value.
    public let value: JSONValue

    /// A key and its value.
    public init(key: KvKey, value: JSONValue) {
        self.key = key
        self.value = value
    }

    /// A key and a value that is encoded as JSON.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - value: The value.
    ///   - coding: The encoder to use.
    /// - Throws: ``KvError`` `invalidValue` if the value can't be written as JSON.
    public init(_ key: KvKey, encoding value: some Encodable, coding: KvCoding = .default) throws(KvError) {
        self.init(key: key, value: try JSONValue(encoding: value, coding: coding))
    }
}
