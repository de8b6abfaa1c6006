import FedifyKv

/// The keys below a prefix, as one range of serialized text.
///
/// Keys that go on from `["a"]` begin with `["a",`, and `,` sorts before `]`: so all of them, and `["a"]` itself at the
/// end, stand between these two. What else may stand there is no text of a key.
struct KeyRange {
    /// Exclusive.
    var after: String
    /// Inclusive.
    let through: String

    init(_ prefix: KvKey) {
        if prefix.isEmpty {
            after = ""
            through = "\u{10FFFF}"
        } else {
            after = prefix.serialized.dropLast() + ","
            through = prefix.serialized
        }
    }

    /// What the serialized text of a key matches, in a server's regular expressions (MySQL: ICU; MariaDB: PCRE), and
    /// nothing else does: `KvKey(serialized:)` in one line.
    static let canonicalKeyPattern: String = {
        let string = #""(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00(?:0[0-7be]|0f|1[0-9a-f]))*""#
        return "^\\[\(string)(?:,\(string))*\\]$"
    }()
}
