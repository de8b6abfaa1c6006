#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension JSONValue {
    /// A value from anything that `Encodable` can write as JSON. A `nil` becomes `null`.
    ///
    /// - Throws: ``KvError`` `invalidValue` if it can't be written as JSON, as NaN and infinities can't.
    public init(encoding value: some Encodable) throws(KvError) {
        do {
            self.init(uncheckedJSON: String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
        } catch {
            throw KvError(.invalidValue, "the value can't be written as JSON", underlying: error)
        }
    }

    /// The value as a type.
    ///
    /// - Throws: ``KvError`` `decodingFailed` if it is JSON of another shape. `T` may be an optional: `null` is then
    ///   its `nil`.
    public func decode<T: Decodable>(as type: T.Type = T.self) throws(KvError) -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(json.utf8))
        } catch {
            throw KvError(.decodingFailed, "the stored value doesn't decode as \(type)", underlying: error)
        }
    }

    /// As `init(json:)`, with the error of a store.
    ///
    /// - Throws: ``KvError`` `invalidValue` if the text isn't JSON.
    package init(checking json: String) throws(KvError) {
        self.init(uncheckedJSON: json)
        _ = try summary()
    }

    /// What a store must know of the text.
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
