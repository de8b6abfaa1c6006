/// A number modulo L = 2^252 + 27742317777372353535851937790883648493, the order of Ed25519's base point.
///
/// RFC 8032, 5.1.
/// Operations run in constant time, with addresses independent of the values.
struct Ed25519Scalar {
    /// Four words, little-endian; less than L.
    private var words: [UInt64]

    private static let order: [UInt64] = [0x5812_631A_5CF5_D3ED, 0x14DE_F9DE_A2F7_9CD6, 0, 0x1000_0000_0000_0000]

    /// A number of any length, little-endian, modulo L.
    init(reducing bytes: [UInt8]) {
        self.init(reducing: ed25519Words(of: bytes))
    }

    /// Bit after bit, from the highest: double, add the bit, and subtract L if possible.
    private init(reducing number: [UInt64]) {
        words = [0, 0, 0, 0]
        for word in number.reversed() {
            for shift in (0..<64).reversed() {
                var carry = (word >> UInt64(shift)) & 1
                for index in 0..<4 {
                    let next = words[index] >> 63
                    words[index] = words[index] << 1 | carry
                    carry = next
                }
                subtractOrderIfNotLess()
            }
        }
    }

    private mutating func subtractOrderIfNotLess() {
        var borrow: UInt64 = 0
        var difference: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        func subtract(_ index: Int) -> UInt64 {
            let wide = UInt128(words[index]) &- UInt128(Self.order[index]) &- UInt128(borrow)
            borrow = UInt64(truncatingIfNeeded: wide >> 127)
            return UInt64(truncatingIfNeeded: wide)
        }
        difference = (subtract(0), subtract(1), subtract(2), subtract(3))
        // All ones if it was too much; the words are kept.
        let keep = 0 &- borrow
        words[0] = words[0] & keep | difference.0 & ~keep
        words[1] = words[1] & keep | difference.1 & ~keep
        words[2] = words[2] & keep | difference.2 & ~keep
        words[3] = words[3] & keep | difference.3 & ~keep
    }

    /// left * right + summand.
    static func multiplyAdd(_ left: Ed25519Scalar, _ right: Ed25519Scalar, _ summand: Ed25519Scalar) -> Ed25519Scalar {
        var sum = summand.words + [0, 0, 0, 0]
        for (index, factor) in left.words.enumerated() {
            var carry: UInt128 = 0
            for offset in 0..<4 {
                carry = carry &+ UInt128(factor) &* UInt128(right.words[offset]) &+ UInt128(sum[index + offset])
                sum[index + offset] = UInt64(truncatingIfNeeded: carry)
                carry >>= 64
            }
            for offset in (index + 4)..<8 {
                carry = carry &+ UInt128(sum[offset])
                sum[offset] = UInt64(truncatingIfNeeded: carry)
                carry >>= 64
            }
        }
        return Ed25519Scalar(reducing: sum)
    }

    /// The 32 bytes, little-endian.
    var encoded: [UInt8] { ed25519Bytes(of: words) }
}

/// Words of 64 bits, the lowest first, from bytes with the lowest first; their number is a multiple of 8.
func ed25519Words(of bytes: [UInt8]) -> [UInt64] {
    stride(from: 0, to: bytes.count, by: 8).map { start in
        (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }
}

/// Bytes, the lowest first, from words of 64 bits with the lowest first.
func ed25519Bytes(of words: [UInt64]) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
}
