/// Which ordering keys the queues take: those that the TypeScript queue's table keeps and both servers can lock.
package enum OrderingKey {
    /// The bytes of UTF-8 that the column takes.
    private static let maximumLength = 65_535

    /// Every string is a key, the empty one too, except these.
    ///
    /// - Throws: ``MQError`` `invalidOrderingKey`.
    package static func check(_ key: String?) throws(MQError) {
        guard let key else { return }
        if key.utf8.last == UInt8(ascii: " ") {
            throw MQError(
                .invalidOrderingKey, "the ordering key ends in a space, which the server ignores in comparisons")
        }
        // MySQL converts the names of locks to utf8mb3.
        if key.unicodeScalars.contains(where: { $0.value > 0xFFFF }) {
            throw MQError(
                .invalidOrderingKey,
                "the ordering key has a scalar above U+FFFF, which MySQL can't have in a lock's name; use a hash of it")
        }
        if key.utf8.count > maximumLength {
            throw MQError(
                .invalidOrderingKey,
                "the ordering key has \(key.utf8.count) bytes; at most \(maximumLength) are kept: use a hash of it")
        }
    }
}
