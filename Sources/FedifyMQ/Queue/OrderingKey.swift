/// The keys that every queue takes, so that a program can go from one to another.
package enum OrderingKey {
    /// The longest key in bytes: MySQL's TEXT.
    package static let maximumBytes = 65535

    /// - Throws: ``MQError`` `invalidOrderingKey`.
    package static func check(_ key: String) throws(MQError) {
        func refuse(_ reason: String) throws(MQError) { throw MQError(.invalidOrderingKey, reason) }
        if key.utf8.count > maximumBytes {
            try refuse("the ordering key has \(key.utf8.count) bytes; the limit is \(maximumBytes)")
        }
        if key.utf8.last == UInt8(ascii: " ") {
            try refuse("the ordering key ends in a space, which MySQL ignores when it compares keys")
        }
        if key.unicodeScalars.contains(where: { $0.value > 0xFFFF || $0.value == 0 }) {
            try refuse(
                "the ordering key has a character beyond U+FFFF, or NUL, of which MySQL can't make the name of a lock; "
                    + "use a hash of the key")
        }
    }
}
