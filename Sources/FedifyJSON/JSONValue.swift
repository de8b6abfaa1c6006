/// A JSON value that carries its text. A value from a store isn't parsed until you ask for its parts, and text you
/// already have isn't encoded again.
///
/// `==` is JSON equality: object members in any order (of members with the same name the last counts), numbers by exact
/// mathematical value (`1` = `1.0` = `1e0`, 9007199254740992 ≠ 9007199254740993), strings by Unicode scalars.
///
/// There is no `nil` literal: a store's operations return `JSONValue?`, where `nil` is absence. JSON's null is ``null``.
public struct JSONValue: Sendable {
    /// The JSON text, as it was written or as the server keeps it.
    public let json: String

    /// JSON's `null`: a value like any other.
    public static let null = JSONValue(uncheckedJSON: "null")

    /// A value from JSON text.
    ///
    /// - Throws: ``JSONSyntaxError`` if the text isn't JSON (RFC 8259), or has a number whose exponent has more than 15
    ///   digits.
    public init(json: String) throws(JSONSyntaxError) {
        _ = try JSONSummary(json)
        self.json = json
    }

    /// A value from text that is known to be JSON, for example from a database's JSON column. Nothing is checked here; a
    /// store still refuses to write text that isn't JSON.
    public init(uncheckedJSON json: String) {
        self.json = json
    }
}

extension JSONValue: Hashable, CustomStringConvertible {
    /// JSON equality. Text that isn't JSON equals only itself.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        if left.json.hasSameBytes(as: right.json) { return true }
        guard let leftDocument = try? JSONDocument(left.json), let rightDocument = try? JSONDocument(right.json) else {
            return false
        }
        return JSONDocument.areEqual(leftDocument, rightDocument)
    }

    /// Hashes the value, not its text: equal values have the same hash.
    public func hash(into hasher: inout Hasher) {
        if let document = try? JSONDocument(json) {
            document.hash(into: &hasher)
        } else {
            hasher.combine(Array(json.utf8))
        }
    }

    /// The JSON text.
    public var description: String { json }
}
