package import FedifyKv

/// The keys below a prefix, as one range of serialized text.
///
/// Keys that go on from `["a"]` begin with `["a",`, and `,` sorts before `]`: so all of them, and `["a"]` itself at the
/// end, stand between these two. What else may stand there is no text of a key.
package struct KeyRange {
    /// Exclusive.
    package var after: String
    /// Inclusive.
    package let through: String

    /// - Parameters:
    ///   - prefix: The prefix; empty for all keys.
    ///   - last: The key to go on behind; nil: from the beginning.
    package init(_ prefix: KvKey, after last: KvKey? = nil) {
        if prefix.isEmpty {
            after = ""
            through = "\u{10FFFF}"
        } else {
            after = prefix.serialized.dropLast() + ","
            through = prefix.serialized
        }
        if let last, last.serialized.compareBytes(with: after) > 0 { after = last.serialized }
    }

    /// What the serialized text of a key matches, in a server's regular expressions (MySQL: ICU; MariaDB: PCRE), and
    /// nothing else does: `KvKey(serialized:)` in one line.
    package static let canonicalKeyPattern: String = {
        let string = #""(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00(?:0[0-7be]|0f|1[0-9a-f]))*""#
        // Not $, which also matches before a line break at the end.
        return "^\\[\(string)(?:,\(string))*\\]\\z"
    }()
}
