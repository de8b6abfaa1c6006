import FedifyKv
import Foundation

/// The input's first text is a JSON value, its second another.
enum ValueCheck {
    static func check(_ input: [UInt8]) throws {
        let texts = input.texts
        guard let left = try checkOne(texts[0]), texts.count > 1, let right = try checkOne(texts[1]) else { return }
        let (leftValue, rightValue) = (JSONValue(uncheckedJSON: texts[0]), JSONValue(uncheckedJSON: texts[1]))
        try expect((leftValue == rightValue) == (left == right), "values are equal if they mean the same")
        try expect((rightValue == leftValue) == (left == right), "equality is symmetric")
    }

    /// The value of the text; nil if it isn't JSON, or too deep for the reference.
    private static func checkOne(_ text: String) throws -> ReferenceJSON? {
        let value = try? JSONValue(json: text)
        try expect((value != nil) == ((try? JSONDocument(text)) != nil), "a text is JSON or not, for all that read it")
        let reference: ReferenceJSON
        do {
            reference = try ReferenceJSON.read(text)
        } catch ReferenceJSON.Failure.tooDeep {
            return nil
        } catch {
            try expect(value == nil, "what isn't JSON is refused")
            try expect(!isFoundationsJSON(text) || isFoundationsOwn(text), "Foundation refuses it too")
            try expect(
                JSONValue(uncheckedJSON: text) == JSONValue(uncheckedJSON: text), "what isn't JSON equals itself")
            return nil
        }
        guard let value else { throw Finding(description: "JSON is taken") }
        if isForFoundation(text) { try expect(isFoundationsJSON(text), "Foundation takes it too") }

        let summary = try value.summary()
        try expect(summary.byteCount == text.utf8.count, "the summary counts bytes")
        try expect(reference.depth <= summary.depth, "the summary knows the depth")
        // A member that another of its name takes the place of counts for the summary alone.
        if summary.isExactOnMySQL { try expect(reference.isExactOnMySQL, "MySQL keeps the numbers") }

        try expect(value == value, "a value equals itself")
        // The other text's exponent may have a digit more, and so more than we take.
        guard !reference.text.contains(/[eE][-+]?[0-9]{16}/) else { return reference }
        let other = try JSONValue(json: reference.text)
        try expect(value == other && other == value, "a value equals its other text")
        try expect(try ReferenceJSON.read(other.json) == reference, "the other text stands for the same")
        return reference
    }

    /// No surrogates, which may be alone, and no number that may be beyond a double: JSON that Foundation refuses.
    private static func isForFoundation(_ text: String) -> Bool {
        !text.contains(/\\u[dD]/) && !text.contains(/[eE]\+?0*[0-9]{3}/) && text.utf8.count < 300
    }

    private static func isFoundationsJSON(_ text: String) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil
    }

    /// Foundation takes it, and RFC 8259 doesn't: a byte order mark, NUL, a comma at the end; or it is JSON that we
    /// refuse, for an exponent of many digits.
    private static func isFoundationsOwn(_ text: String) -> Bool {
        text.unicodeScalars.first == "\u{FEFF}" || text.utf8.contains(0)
            || text.contains(/,[ \t\n\r]*[\]}]/) || text.contains(/[eE][-+]?[0-9]{16}/)
    }
}
