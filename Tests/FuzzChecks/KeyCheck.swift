import FedifyKv
import FedifyMySQL
import Foundation

/// The input's first text is the text of a key, or its lines are a key's components; the second's lines are another's.
enum KeyCheck {
    static func check(_ input: [UInt8]) throws {
        let texts = input.texts
        try checkText(texts[0])
        let components = lines(texts[0])
        try checkComponents(components)
        if texts.count > 1 { try checkPair(components, lines(texts[1])) }
    }

    private static func lines(_ text: String) -> [String] {
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { String($0) ?? "" }
    }

    /// A text is a key's if it is what the key of its components serializes to.
    private static func checkText(_ text: String) throws {
        let key = KvKey(serialized: text)
        let components = try? JSONDocument(text).strings()
        let isCanonical = components.map { !$0.isEmpty && stringify($0).isSame(as: text) } ?? false
        try expect((key != nil) == isCanonical, "a text is read as a key if and only if it is the key's own")
        try expect(matchesPattern(text) == isCanonical, "the server's pattern takes the same texts for keys")
        guard let key, let components else { return }
        try expect(key.serialized.isSame(as: text), "a key keeps its text")
        try expect(areSame(key.components(), components), "a key has the components of its text")
        let array = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String]
        try expect(array.map { areSame($0, components) } == true, "Foundation reads the same components")
    }

    private static func checkComponents(_ components: [String]) throws {
        let key = KvKey(components)
        try expect(key.serialized.isSame(as: stringify(components)), "a key is written as JSON.stringify does")
        try expect(areSame(key.components(), components), "components come back")
        let read = KvKey(serialized: key.serialized)
        try expect(read == key && read?.hashValue == key.hashValue, "a key's text reads back as the key")
        for count in 0...components.count { try checkPair(components, Array(components.prefix(count))) }
    }

    /// Two keys compare as their components do.
    private static func checkPair(_ left: [String], _ right: [String]) throws {
        let (leftKey, rightKey) = (KvKey(left), KvKey(right))
        try expect((leftKey == rightKey) == areSame(left, right), "keys of the same components are equal")
        try expect(
            (leftKey < rightKey) == leftKey.serialized.utf8.lexicographicallyPrecedes(rightKey.serialized.utf8),
            "keys are in the order of their text's bytes")
        for (key, prefix, components, first) in [(leftKey, rightKey, left, right), (rightKey, leftKey, right, left)] {
            let isBelow = components.count >= first.count && areSame(Array(components.prefix(first.count)), first)
            try expect(key.hasPrefix(prefix) == isBelow, "a prefix is the first components")
            guard !components.isEmpty else { continue }
            let range = KeyRange(prefix)
            let isInRange =
                range.after.utf8.lexicographicallyPrecedes(key.serialized.utf8)
                && !range.through.utf8.lexicographicallyPrecedes(key.serialized.utf8)
            try expect(isInRange == isBelow, "the range of a prefix has the keys below it, and no other")
        }
    }

    private static func areSame(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
    }

    /// ECMA-262, QuoteJSONString, word for word.
    private static func stringify(_ components: [String]) -> String {
        let quoted = components.map { component in
            var text = "\""
            for scalar in component.unicodeScalars {
                switch scalar {
                case "\u{8}": text += "\\b"
                case "\t": text += "\\t"
                case "\n": text += "\\n"
                case "\u{C}": text += "\\f"
                case "\r": text += "\\r"
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\0"..<" ":
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: text.unicodeScalars.append(scalar)
                }
            }
            return text + "\""
        }
        return "[" + quoted.joined(separator: ",") + "]"
    }

    // Foundation's regular expressions are ICU's, as MySQL's are.
    private static let pattern = try? NSRegularExpression(pattern: KeyRange.canonicalKeyPattern)

    private static func matchesPattern(_ text: String) throws -> Bool {
        guard let pattern else { throw Finding(description: "the server's pattern is no regular expression") }
        return pattern.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
    }
}
