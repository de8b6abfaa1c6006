#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A JSON value that carries its text. What comes from a store is not parsed until you ask for it, and text you
/// already have is not encoded again.
///
/// `==` is JSON equality: object members in any order (the last of a name counts), numbers by exact mathematical value
/// (`1` = `1.0`, 9007199254740992 ≠ 9007199254740993), strings by Unicode scalars.
public struct KvValue: Sendable {
    /// The JSON text, as it was written or as the server keeps it.
    public let json: String

    /// JSON's `null`: a value like any other. A key without an entry is Swift's `nil`.
    public static let null = KvValue(trusted: "null")

    /// A value from JSON text.
    ///
    /// - Throws: ``KvError`` `invalidValue` if the text isn't JSON (RFC 8259), or has a number whose exponent has more
    ///   than 15 digits.
    public init(json: String) throws(KvError) {
        self.json = json
        _ = try summary()
    }

    /// A value from text that is known to be JSON, from a database's JSON column for one. Nothing is checked here; a
    /// store still refuses to write what isn't JSON.
    public init(trusted json: String) {
        self.json = json
    }

    /// A value from anything that `Encodable` can write as JSON. A `nil` becomes ``null``.
    ///
    /// - Throws: ``KvError`` `invalidValue` if it can't be written as JSON, as NaN and infinities can't.
    public init(encoding value: some Encodable) throws(KvError) {
        do {
            self.json = String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        } catch {
            throw KvError(.invalidValue, "the value can't be written as JSON", underlying: error)
        }
    }

    /// The value as a type.
    ///
    /// - Throws: ``KvError`` `decodingFailed` if it is JSON of another shape. `T` may be an optional: ``null`` is then
    ///   its `nil`.
    public func decode<T: Decodable>(as type: T.Type = T.self) throws(KvError) -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(json.utf8))
        } catch {
            throw KvError(.decodingFailed, "the stored value doesn't decode as \(type)", underlying: error)
        }
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

extension KvValue: Equatable, CustomStringConvertible {
    /// JSON equality. Text that isn't JSON equals only itself.
    public static func == (left: KvValue, right: KvValue) -> Bool {
        if left.json.hasSameBytes(as: right.json) { return true }
        guard let leftDocument = try? JSONDocument(left.json), let rightDocument = try? JSONDocument(right.json) else {
            return false
        }
        return JSONDocument.areEqual(leftDocument, rightDocument)
    }

    /// The JSON text.
    public var description: String { json }
}
