/// The IDs of messages: UUIDs that begin with their time. (RFC 9562, "UUID Version 7".)
package enum MessageID {
    /// The microseconds since 1970 in a UUID of version 7 (Fedify KV), 1 or 6 (`UUID()` of the servers, TypeScript);
    /// nil for others.
    package static func time(of id: String) -> Int64? {
        let hex = id.utf8.filter { $0 != UInt8(ascii: "-") }
        guard hex.count == 32, let number = UInt64(String(decoding: hex.prefix(16), as: UTF8.self), radix: 16) else {
            return nil
        }
        // 100 ns since 1582-10-15.
        let gregorian: UInt64
        switch (number >> 12) & 0xF {
        case 7:
            return Int64(number >> 16) * 1000 + Int64(number & 0xFFF) * 1000 / 4096
        case 1:
            gregorian = (number & 0xFFF) << 48 | (number >> 16 & 0xFFFF) << 32 | number >> 32
        case 6:
            gregorian = (number >> 16) << 12 | number & 0xFFF
        default: return nil
        }
        return (Int64(gregorian) - 0x01B2_1DD2_1381_4000) / 10
    }

    /// IDs in ascending order.
    ///
    /// - Parameters:
    ///   - count: How many.
    ///   - microseconds: The time since 1970.
    /// - Returns: The IDs, in the order of the messages.
    package static func make(_ count: Int, at microseconds: Int64) -> [String] {
        var random = SystemRandomNumberGenerator()
        // A counter of 32 bits after the time keeps the order within a call; the rest is random.
        let first = UInt64(UInt32.random(in: 0...(.max >> 1), using: &random))
        let (milliseconds, fraction) = (UInt64(microseconds / 1000), UInt64(microseconds % 1000) * 4096 / 1000)
        let high = milliseconds << 16 | 0x7000 | fraction
        return (0..<count).map { index in
            let counter = first + UInt64(index)
            let low = 0b10 << 62 | (counter & 0xFFFF_FFFF) << 30 | random.next() >> 34
            return text(high, low)
        }
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(36)
        for position in 0..<32 {
            if [8, 12, 16, 20].contains(position) { bytes.append(UInt8(ascii: "-")) }
            let number = position < 16 ? high : low
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - position % 16 * 4)) & 0xF
            bytes.append(digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a"))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
