/// The names of the locks under which messages of an ordering key are handled, as Fedify's TypeScript queue makes them.
package enum LockName {
    /// - Parameters:
    ///   - key: The ordering key.
    ///   - table: The queue's table.
    /// - Returns: `table:key`, or a hash of it if that has more than 64 UTF-16 units, which is the server's limit.
    package static func make(_ key: String, table: String) -> String {
        let name = "\(table):\(key)"
        guard name.utf16.count > 64 else { return name }
        var (first, second): (UInt32, UInt32) = (0, 5381)
        for unit in name.utf16 {
            first = first &* 31 &+ UInt32(unit)
            second = second &* 33 &+ UInt32(unit)
        }
        return "fdy:" + hexadecimal(first) + hexadecimal(second)
    }

    private static func hexadecimal(_ number: UInt32) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
