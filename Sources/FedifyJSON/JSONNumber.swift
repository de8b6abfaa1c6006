/// A JSON number by its exact mathematical value: `digits` × 10^`exponent`, without leading or trailing zeros.
/// `1`, `1.0` and `1e0` are one number; 2^53 and 2^53 + 1 are two.
struct JSONNumber: Hashable {
    /// No exponent of more digits is taken: sums of exponents stay exact, and no real number is that large.
    static let maximumExponentDigits = 15

    let isNegative: Bool
    let digits: [UInt8]
    let exponent: Int

    /// `text` is a valid JSON number whose exponent has at most ``maximumExponentDigits`` digits.
    init(_ text: ArraySlice<UInt8>) {
        var digits: [UInt8] = []
        digits.reserveCapacity(text.count)
        var exponent = 0
        var isNegative = false
        var isFraction = false
        var index = text.startIndex
        scan: while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                exponent += Int(String(decoding: text[(index + 1)...], as: UTF8.self)) ?? 0
                break scan
            case let digit:
                if isFraction { exponent -= 1 }
                if digit != UInt8(ascii: "0") || !digits.isEmpty { digits.append(digit) }
            }
            index += 1
        }
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            exponent += 1
        }
        self.digits = digits
        self.exponent = digits.isEmpty ? 0 : exponent
        self.isNegative = isNegative && !digits.isEmpty
    }

    /// MySQL keeps an integer of 64 bits (signed or unsigned) exactly and any other number as a double, which it writes
    /// in the fewest digits that read back the same.
    ///
    /// - Parameters:
    ///   - text: A valid JSON number.
    ///   - isInteger: It is written without a fraction and an exponent.
    /// - Returns: Whether the number survives that unchanged.
    static func isExactOnMySQL(_ text: ArraySlice<UInt8>, isInteger: Bool) -> Bool {
        let number = JSONNumber(text)
        // A double holds every decimal of 15 digits in this range.
        if number.digits.count <= 15, abs(number.exponent) <= 280 { return true }
        let string = String(decoding: text, as: UTF8.self)
        if isInteger, Int64(string) != nil || UInt64(string) != nil { return true }
        guard let double = Double(string), double.isFinite else { return false }
        return JSONNumber(Array(double.description.utf8)[...]) == number
    }
}
