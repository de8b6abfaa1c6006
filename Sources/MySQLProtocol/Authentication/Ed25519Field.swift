/// A number modulo p = 2^255 - 19, the field of Ed25519's curve (RFC 8032, 5.1).
///
/// It is the sum of five limbs in base 2^51. Between operations a limb may exceed 51 bits, but is less than 2^52.
/// Operations run in constant time, with addresses independent of the values.
struct Ed25519Field {
    private var limb0: UInt64
    private var limb1: UInt64
    private var limb2: UInt64
    private var limb3: UInt64
    private var limb4: UInt64

    private static let lowest51: UInt64 = 1 << 51 - 1

    static let zero = Ed25519Field(0, 0, 0, 0, 0)
    static let one = Ed25519Field(1, 0, 0, 0, 0)

    private init(_ limb0: UInt64, _ limb1: UInt64, _ limb2: UInt64, _ limb3: UInt64, _ limb4: UInt64) {
        self.limb0 = limb0
        self.limb1 = limb1
        self.limb2 = limb2
        self.limb3 = limb3
        self.limb4 = limb4
    }

    /// From four words of 64 bits, the lowest first.
    init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.init(
            word0 & Self.lowest51,
            (word0 >> 51 | word1 << 13) & Self.lowest51,
            (word1 >> 38 | word2 << 26) & Self.lowest51,
            (word2 >> 25 | word3 << 39) & Self.lowest51,
            word3 >> 12)
    }

    /// Carries bits above 51 to the next limb, and from the last to the first times 19, as 2^255 = 19.
    private var carried: Ed25519Field {
        let mask = Self.lowest51
        let next1 = limb1 &+ limb0 >> 51
        let next2 = limb2 &+ next1 >> 51
        let next3 = limb3 &+ next2 >> 51
        let next4 = limb4 &+ next3 >> 51
        return Ed25519Field(
            (limb0 & mask) &+ 19 &* (next4 >> 51), next1 & mask, next2 & mask, next3 & mask, next4 & mask)
    }

    static func + (left: Ed25519Field, right: Ed25519Field) -> Ed25519Field {
        Ed25519Field(
            left.limb0 &+ right.limb0,
            left.limb1 &+ right.limb1,
            left.limb2 &+ right.limb2,
            left.limb3 &+ right.limb3,
            left.limb4 &+ right.limb4
        ).carried
    }

    /// Adds 4p first, whose limbs exceed any limb that is subtracted.
    static func - (left: Ed25519Field, right: Ed25519Field) -> Ed25519Field {
        let lowest = 4 &* (lowest51 &- 18)
        let others = 4 &* lowest51
        return Ed25519Field(
            left.limb0 &+ lowest &- right.limb0,
            left.limb1 &+ others &- right.limb1,
            left.limb2 &+ others &- right.limb2,
            left.limb3 &+ others &- right.limb3,
            left.limb4 &+ others &- right.limb4
        ).carried
    }

    static func * (left: Ed25519Field, right: Ed25519Field) -> Ed25519Field {
        let (a0, a1, a2) = (UInt128(left.limb0), UInt128(left.limb1), UInt128(left.limb2))
        let (a3, a4) = (UInt128(left.limb3), UInt128(left.limb4))
        let (b0, b1, b2) = (UInt128(right.limb0), UInt128(right.limb1), UInt128(right.limb2))
        let (b3, b4) = (UInt128(right.limb3), UInt128(right.limb4))
        // Products of limbs of 2^255 or more, times 19.
        let (c1, c2, c3, c4) = (19 &* b1, 19 &* b2, 19 &* b3, 19 &* b4)
        // Each sum is less than 5 * 19 * 2^104, of the 128 bits.
        let sum0 = a0 &* b0 &+ a1 &* c4 &+ a2 &* c3 &+ a3 &* c2 &+ a4 &* c1
        let sum1 = a0 &* b1 &+ a1 &* b0 &+ a2 &* c4 &+ a3 &* c3 &+ a4 &* c2 &+ sum0 >> 51
        let sum2 = a0 &* b2 &+ a1 &* b1 &+ a2 &* b0 &+ a3 &* c4 &+ a4 &* c3 &+ sum1 >> 51
        let sum3 = a0 &* b3 &+ a1 &* b2 &+ a2 &* b1 &+ a3 &* b0 &+ a4 &* c4 &+ sum2 >> 51
        let sum4 = a0 &* b4 &+ a1 &* b3 &+ a2 &* b2 &+ a3 &* b1 &+ a4 &* b0 &+ sum3 >> 51
        let mask = UInt128(lowest51)
        let low = sum0 & mask &+ 19 &* (sum4 >> 51)
        return Ed25519Field(
            UInt64(truncatingIfNeeded: low & mask),
            UInt64(truncatingIfNeeded: sum1 & mask &+ low >> 51),
            UInt64(truncatingIfNeeded: sum2 & mask),
            UInt64(truncatingIfNeeded: sum3 & mask),
            UInt64(truncatingIfNeeded: sum4 & mask))
    }

    var squared: Ed25519Field { self * self }

    /// 1 divided by the number: its power of p - 2 = 2^255 - 21, in binary ones except for the bits 2 and 4.
    var inverse: Ed25519Field {
        var power = self
        for bit in (0..<254).reversed() {
            power = power.squared
            if bit != 2 && bit != 4 { power = power * self }
        }
        return power
    }

    /// `chosen` if the mask is all ones, and `other` if it is 0.
    static func select(_ mask: UInt64, _ chosen: Ed25519Field, else other: Ed25519Field) -> Ed25519Field {
        Ed25519Field(
            other.limb0 ^ mask & (chosen.limb0 ^ other.limb0),
            other.limb1 ^ mask & (chosen.limb1 ^ other.limb1),
            other.limb2 ^ mask & (chosen.limb2 ^ other.limb2),
            other.limb3 ^ mask & (chosen.limb3 ^ other.limb3),
            other.limb4 ^ mask & (chosen.limb4 ^ other.limb4))
    }

    /// The 32 bytes of the number reduced to 0 to p - 1, little-endian.
    var encoded: [UInt8] {
        let mask = Self.lowest51
        // After this it is less than 2p.
        let number = carried.carried
        // 1 if it is p or more: then 19 more is 2^255 or more.
        var over = (number.limb0 &+ 19) >> 51
        over = (number.limb1 &+ over) >> 51
        over = (number.limb2 &+ over) >> 51
        over = (number.limb3 &+ over) >> 51
        over = (number.limb4 &+ over) >> 51
        let digit0 = number.limb0 &+ 19 &* over
        let digit1 = number.limb1 &+ digit0 >> 51
        let digit2 = number.limb2 &+ digit1 >> 51
        let digit3 = number.limb3 &+ digit2 >> 51
        let digit4 = number.limb4 &+ digit3 >> 51
        return ed25519Bytes(of: [
            digit0 & mask | digit1 << 51,
            (digit1 & mask) >> 13 | digit2 << 38,
            (digit2 & mask) >> 26 | digit3 << 25,
            (digit3 & mask) >> 39 | (digit4 & mask) << 12,
        ])
    }
}
