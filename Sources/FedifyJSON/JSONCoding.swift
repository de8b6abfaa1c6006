#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// How typed values become JSON and JSON becomes typed values: the encoder and decoder of a store or a queue.
///
/// By default object members are sorted by name, slashes are not escaped, data is base 64, and a `Date` is an ISO 8601
/// string in UTC, as `JSON.stringify` writes a JavaScript `Date` and `new Date(…)` reads it:
/// `"2026-11-27T05:53:04.123Z"`. A date that isn't at a whole millisecond has six digits, so that dates keep their
/// microseconds. Dates with any number of fractional digits and any offset from UTC are read.
///
/// A value has the same text each time it is encoded. On MariaDB, which keeps the text, a typed `cas` then compares
/// texts, which is faster than reading the entry first: keep `.sortedKeys` in an encoder of your own.
///
/// It is part of the options of a store or a queue, as `MySQLKvStoreOptions.coding`.
public struct JSONCoding: Sendable {
    /// Encodes values.
    public var encoder: JSONEncoder
    /// Decodes values.
    public var decoder: JSONDecoder

    /// The defaults.
    public static let `default` = JSONCoding()

    /// A coding with an encoder and a decoder; nil: the default one.
    ///
    /// They may be used by several tasks at once: do not change them later.
    public init(encoder: JSONEncoder? = nil, decoder: JSONDecoder? = nil) {
        self.encoder = encoder ?? Self.defaultEncoder()
        self.decoder = decoder ?? Self.defaultDecoder()
    }

    private static func defaultEncoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dataEncodingStrategy = .base64
        encoder.dateEncodingStrategy = .custom { date, encoder in
            guard let text = ISO8601.text(date) else {
                // Without the date itself: Foundation traps when it describes one that is not a number.
                throw EncodingError.invalidValue(
                    Date.self, .init(codingPath: encoder.codingPath, debugDescription: "the year has over six digits"))
            }
            var container = encoder.singleValueContainer()
            try container.encode(text)
        }
        return encoder
    }

    private static func defaultDecoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dataDecodingStrategy = .base64
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            guard let date = ISO8601.date(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "the text isn't an ISO 8601 date and time")
            }
            return date
        }
        return decoder
    }
}

extension JSONCoding {
    /// A value as JSON. A nil becomes `null`; a `JSONValue` stays as it is.
    ///
    /// - Throws: What the encoder throws.
    package func encode<T: Encodable>(_ value: T) throws -> JSONValue {
        if T.self == JSONValue.self || T.self == JSONValue?.self { return value as? JSONValue ?? .null }
        return JSONValue(uncheckedJSON: String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// JSON as a value of a type.
    ///
    /// - Throws: What the decoder throws.
    package func decode<T: Decodable>(_ value: JSONValue, as type: T.Type) throws -> T {
        if T.self == JSONValue.self, let value = value as? T { return value }
        if T.self == JSONValue?.self, value != .null, let value = value as? T { return value }
        return try decoder.decode(type, from: Data(value.json.utf8))
    }
}
