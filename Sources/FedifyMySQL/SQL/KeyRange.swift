package import FedifyKv

/// The keys below a prefix, as one range of serialized text.
///
/// Keys below `["a"]` begin with `["a",`, and `,` sorts before `]`. So all of them, followed by `["a"]` itself, are
/// between these two. Any other text in between is not a key.
package struct KeyRange {
    /// Exclusive.
    package var after: String
    /// Inclusive.
    package let through: String

    /// - Parameters:
    ///   - prefix: The prefix; empty for all keys.
    ///   - last: The key to continue after; nil: from the beginning.
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

    /// A regular expression of the servers (MySQL: ICU; MariaDB: PCRE) that matches exactly the serialized keys, as
    /// `KvKey(serialized:)` does.
    package static let canonicalKeyPattern: String = {
        let string = #""(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00(?:0[0-7be]|0f|1[0-9a-f]))*""#
        // Not $, which also matches before a line break at the end.
        return "^\\[\(string)(?:,\(string))*\\]\\z"
    }()
}
