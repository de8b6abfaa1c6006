/// How typed values become JSON and JSON becomes typed values: the encoder and decoder of a store.
public typealias KvCoding = JSONCoding

extension JSONValue {
    /// A value from anything that `Encodable` can write as JSON. A `nil` becomes `null`; a `JSONValue` stays as it is.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - coding: The encoder to use.
    /// - Throws: ``KvError`` `invalidValue` if it can't be written as JSON, as NaN and infinities can't.
    public init<T: Encodable>(encoding value: T, coding: KvCoding = .default) throws(KvError) {
        do {
            self = try coding.encode(value)
        } catch {
            throw KvError(.invalidValue, "the value can't be written as JSON", underlyingError: error)
        }
    }

    /// The value as a type.
    ///
    /// - Parameters:
    ///   - type: The type. It may be an optional: `null` is then its `nil`.
    ///   - coding: The decoder to use.
    /// - Returns: The decoded value.
    /// - Throws: ``KvError`` `decodingFailed` if it is JSON of another shape.
    public func decode<T: Decodable>(
        as type: T.Type = T.self, coding: KvCoding = .default
    ) throws(KvError) -> T {
        do {
            return try coding.decode(self, as: type)
        } catch {
            throw KvError(.decodingFailed, "the stored value doesn't decode as \(type)", underlyingError: error)
        }
    }

    /// As `init(json:)`, with the error of a store.
    ///
    /// - Throws: ``KvError`` `invalidValue` if the text isn't JSON.
    package init(checking json: String) throws(KvError) {
        self.init(uncheckedJSON: json)
        _ = try summary()
    }

    /// Properties of the text that a store needs.
    ///
    /// - Throws: ``KvError`` `invalidValue` if it isn't JSON.
    package func summary() throws(KvError) -> JSONSummary {
        do {
            return try JSONSummary(json)
        } catch {
            throw KvError(.invalidValue, "the value isn't JSON: \(error)")
        }
    }
}
