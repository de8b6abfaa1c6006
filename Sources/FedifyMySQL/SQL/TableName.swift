/// The names that tables may have.
enum TableName {
    /// - Parameters:
    ///   - name: The name.
    ///   - limit: Its longest length.
    ///   - index: The longest name that is derived from it.
    /// - Returns: The rule that the name breaks, if any.
    static func rule(broken name: String, limit: Int, _ index: String) -> String? {
        let bytes = name.utf8
        func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let first = bytes.first, isLetter(first), bytes.allSatisfy({ isLetter($0) || isDigit($0) }) else {
            return "a table name begins with a letter or underscore and has only letters, digits and underscores"
        }
        guard bytes.count <= limit else {
            return "the table name has \(bytes.count) characters; \(limit) is the limit, as the index \(index) must "
                + "stay within the server's 64"
        }
        return nil
    }
}
