/// Strings of JSON, as JavaScript's `JSON.stringify` writes them and as any JSON may escape them.
package enum JSONString {
    /// Writes the string with its quotes: `"` and `\` escaped, control characters as `\b \t \n \f \r` or `\u00xx` in
    /// lower case, all else as itself. (ECMA-262, QuoteJSONString.)
    ///
    /// - Parameters:
    ///   - string: The string.
    ///   - buffer: It has room for ``size(of:)`` bytes.
    /// - Returns: How many bytes were written.
    package static func write(_ string: String, to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        buffer[0] = UInt8(ascii: "\"")
        var index = 1
        var string = string
        string.withUTF8 { bytes in
            for byte in bytes {
                guard needsEscape(byte) else {
                    buffer[index] = byte
                    index += 1
                    continue
                }
                for escaped in escape(byte) {
                    buffer[index] = escaped
                    index += 1
                }
            }
        }
        buffer[index] = UInt8(ascii: "\"")
        return index + 1
    }

    /// The string as ``write(_:to:)`` writes it.
    package static func quoted(_ string: String) -> String {
        String(unsafeUninitializedCapacity: size(of: string)) { write(string, to: $0) }
    }

    /// How many bytes ``write(_:to:)`` writes.
    package static func size(of string: String) -> Int {
        var string = string
        return string.withUTF8 { bytes in
            var size = bytes.count + 2
            for byte in bytes where needsEscape(byte) { size += escape(byte).count - 1 }
            return size
        }
    }

    /// The end, after its quote, of a string as ``write(_:to:)`` writes it; nil if there is no such string.
    package static func canonicalEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard start < bytes.count, bytes[start] == UInt8(ascii: "\"") else { return nil }
        var index = start + 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\"):
                guard let length = canonicalEscapeLength(bytes[index...].prefix(6)) else { return nil }
                index += length
            case ..<0x20: return nil
            default: index += 1
            }
        }
        return nil
    }

    /// The length of the escape that these bytes begin with, if it is the one that ``write(_:to:)`` writes.
    private static func canonicalEscapeLength(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        let characters: [UInt8] = [UInt8(ascii: "\""), UInt8(ascii: "\\")] + Array(0..<0x20)
        for character in characters {
            let escape = escape(character)
            if bytes.starts(with: escape) { return escape.count }
        }
        return nil
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case 0x08: return Array("\\b".utf8)
        case 0x09: return Array("\\t".utf8)
        case 0x0A: return Array("\\n".utf8)
        case 0x0C: return Array("\\f".utf8)
        case 0x0D: return Array("\\r".utf8)
        case ..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: return [UInt8(ascii: "\\"), byte]
        }
    }

    /// The bytes that the inside of a valid JSON string stands for. A lone surrogate, which UTF-8 can't hold, comes as
    /// the three bytes of its code point, so that different strings stay different.
    static func unescape(_ inside: ArraySlice<UInt8>) -> [UInt8] {
        guard inside.contains(UInt8(ascii: "\\")) else { return Array(inside) }
        var result: [UInt8] = []
        result.reserveCapacity(inside.count)
        var index = inside.startIndex
        while index < inside.endIndex {
            guard inside[index] == UInt8(ascii: "\\") else {
                result.append(inside[index])
                index += 1
                continue
            }
            let escaped = inside[index + 1]
            index += 2
            switch escaped {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "u"):
                var codePoint = hexadecimal(inside[index..<index + 4])
                index += 4
                let next = inside[index...].prefix(6)
                if (0xD800...0xDBFF).contains(codePoint), next.count == 6, next.starts(with: "\\u".utf8) {
                    let low = hexadecimal(next.suffix(4))
                    if (0xDC00...0xDFFF).contains(low) {
                        codePoint = 0x10000 + (codePoint - 0xD800) << 10 + (low - 0xDC00)
                        index += 6
                    }
                }
                append(codePoint: codePoint, to: &result)
            default: result.append(escaped)
            }
        }
        return result
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32 {
        digits.reduce(0) { value, digit in
            let letter = digit | 0x20
            return value << 4 | UInt32(letter >= UInt8(ascii: "a") ? letter - UInt8(ascii: "a") + 10 : digit - 0x30)
        }
    }

    private static func append(codePoint: UInt32, to bytes: inout [UInt8]) {
        switch codePoint {
        case ..<0x80: bytes.append(UInt8(codePoint))
        case ..<0x800: bytes.append(contentsOf: [UInt8(0xC0 | codePoint >> 6), tail(codePoint)])
        case ..<0x10000:
            bytes.append(contentsOf: [UInt8(0xE0 | codePoint >> 12), tail(codePoint >> 6), tail(codePoint)])
        default:
            bytes.append(contentsOf: [
                UInt8(0xF0 | codePoint >> 18), tail(codePoint >> 12), tail(codePoint >> 6), tail(codePoint),
            ])
        }
    }

    private static func tail(_ bits: UInt32) -> UInt8 { UInt8(0x80 | bits & 0x3F) }
}
