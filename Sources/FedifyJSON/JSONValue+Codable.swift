#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Encoded and decoded as the JSON value that it is, by any encoder and decoder. The text may change on the way (spaces,
/// escapes, the spelling of numbers); the value stays equal, or encoding throws:
///
/// - A number must be an integer of 64 bits, a `Double` or a `Decimal`.
/// - A string must not have lone surrogates, and an object no two names that Swift's `String ==` takes for one.
/// - Arrays and objects must be nested at most 512 deep, which is also the limit of Foundation's `JSONDecoder`.
extension JSONValue: Codable {
    /// How deep a value may be nested: encoders call themselves for each level.
    private static let maximumDepth = 512

    /// Writes the value to any encoder.
    public func encode(to encoder: any Encoder) throws {
        let document: JSONDocument
        do {
            document = try JSONDocument(json)
        } catch {
            throw Self.invalid(encoder, "the value isn't JSON: \(error)")
        }
        try Part(document: document, index: 0, depth: 0).encode(to: encoder)
    }

    /// Reads a value from any decoder.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            let members = try container.allKeys.map { name in
                let value = try container.decode(JSONValue.self, forKey: name)
                return "\(JSONString.quoted(name.stringValue)):\(value.json)"
            }
            self.init(uncheckedJSON: "{\(members.joined(separator: ","))}")
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONValue] = []
            while !container.isAtEnd { elements.append(try container.decode(JSONValue.self)) }
            self.init(elements)
        } else {
            self = try Self.scalar(decoder.singleValueContainer())
        }
    }

    private static func scalar(_ container: any SingleValueDecodingContainer) throws -> JSONValue {
        if container.decodeNil() { return .null }
        if let value = try? container.decode(Bool.self) { return JSONValue(booleanLiteral: value) }
        if let value = try? container.decode(Int64.self) { return JSONValue(uncheckedJSON: "\(value)") }
        if let value = try? container.decode(UInt64.self) { return JSONValue(uncheckedJSON: "\(value)") }
        if let value = try? container.decode(String.self) { return JSONValue(stringLiteral: value) }
        // A double in its fewest digits is what a text of up to 17 digits says; a decimal has up to 38.
        let double = try container.decode(Double.self)
        if let decimal = try? container.decode(Decimal.self), decimal.isFinite {
            return JSONValue(uncheckedJSON: decimal.description)
        }
        guard double.isFinite else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "the number is not finite")
        }
        return JSONValue(floatLiteral: double)
    }

    private static func invalid(_ encoder: any Encoder, _ reason: String) -> EncodingError {
        .invalidValue(JSONValue.self, .init(codingPath: encoder.codingPath, debugDescription: reason))
    }

    /// The name of a member.
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A part of a document.
    private struct Part: Encodable {
        let document: JSONDocument
        let index: Int
        let depth: Int

        func encode(to encoder: any Encoder) throws {
            guard depth <= maximumDepth else { throw invalid(encoder, "more than \(maximumDepth) levels") }
            let node = document.nodes[index]
            switch node.kind {
            case .array:
                var container = encoder.unkeyedContainer()
                for element in document.elements(of: index) {
                    try container.encode(Part(document: document, index: element, depth: depth + 1))
                }
            case .object: try encodeObject(to: encoder)
            case .literal:
                var container = encoder.singleValueContainer()
                switch document.bytes[node.start] {
                case UInt8(ascii: "t"): try container.encode(true)
                case UInt8(ascii: "f"): try container.encode(false)
                default: try container.encodeNil()
                }
            case .string:
                var container = encoder.singleValueContainer()
                try container.encode(string(document.unescaped(node), encoder))
            case .number: try encodeNumber(document.bytes[node.start..<node.end], to: encoder)
            }
        }

        private func encodeObject(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            var names: Set<String> = []
            for member in document.members(of: index) {
                let name = try string(member.name, encoder)
                guard names.insert(name).inserted else {
                    throw invalid(encoder, "two names of an object are one to Swift's String ==")
                }
                try container.encode(
                    Part(document: document, index: member.value, depth: depth + 1), forKey: Name(name))
            }
        }

        private func encodeNumber(_ text: ArraySlice<UInt8>, to encoder: any Encoder) throws {
            let string = String(decoding: text, as: UTF8.self)
            let number = JSONNumber(text)
            func isExact(_ description: String) -> Bool { JSONNumber(Array(description.utf8)[...]) == number }
            var container = encoder.singleValueContainer()
            if let integer = Int64(string) { return try container.encode(integer) }
            if let integer = UInt64(string) { return try container.encode(integer) }
            if let double = Double(string), double.isFinite, isExact(double.description) {
                return try container.encode(double)
            }
            if let decimal = Decimal(string: string), decimal.isFinite, isExact(decimal.description) {
                return try container.encode(decimal)
            }
            throw invalid(encoder, "a number is neither an integer of 64 bits, nor a Double, nor a Decimal")
        }

        private func string(_ bytes: [UInt8], _ encoder: any Encoder) throws -> String {
            guard let string = String(validating: bytes, as: UTF8.self) else {
                throw invalid(encoder, "a string has a lone surrogate")
            }
            return string
        }
    }
}
