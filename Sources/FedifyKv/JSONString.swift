/// Strings of JSON, as JavaScript's `JSON.stringify` writes them and as any JSON may escape them.
package enum JSONString {
    /// Appends the string with its quotes: `"` and `\` escaped, control characters as `\b \t \n \f \r` or `\u00xx` in
    /// lower case, all else as itself. (ECMA-262, QuoteJSONString.)
    package static func append(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case ..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
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
