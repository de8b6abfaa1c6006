/// A point of Ed25519's curve in extended homogeneous coordinates: x = X/Z, y = Y/Z, x * y = T/Z (RFC 8032, 5.1.4).
struct Ed25519Point {
    private var x: Ed25519Field
    private var y: Ed25519Field
    private var z: Ed25519Field
    private var t: Ed25519Field

    private static let neutral = Ed25519Point(x: .zero, y: .one, z: .one, t: .zero)

    /// The base point, B in RFC 8032, 5.1.
    static let base = Ed25519Point(
        x: Ed25519Field(0xC956_2D60_8F25_D51A, 0x692C_C760_9525_A7B2, 0xC0A4_E231_FDD6_DC5C, 0x2169_36D3_CD6E_53FE),
        y: Ed25519Field(0x6666_6666_6666_6658, 0x6666_6666_6666_6666, 0x6666_6666_6666_6666, 0x6666_6666_6666_6666),
        z: .one,
        t: Ed25519Field(0x6DDE_8AB3_A5B7_DDA3, 0x20F0_9F80_7751_52F5, 0x66EA_4E8E_64AB_E37D, 0x6787_5F0F_D78B_7665))

    /// 2 * d, twice the curve's constant -121665/121666.
    private static let doubleD = Ed25519Field(
        0xEBD6_9B94_26B2_F159, 0x00E0_149A_8283_B156, 0x198E_80F2_EEF3_D130, 0x2406_D9DC_56DF_FCE7)

    /// The addition of RFC 8032, 5.1.4. It is complete, so it needs no branches.
    static func + (left: Ed25519Point, right: Ed25519Point) -> Ed25519Point {
        let a = (left.y - left.x) * (right.y - right.x)
        let b = (left.y + left.x) * (right.y + right.x)
        let c = left.t * doubleD * right.t
        let d = (left.z + left.z) * right.z
        return combined(e: b - a, f: d - c, g: d + c, h: b + a)
    }

    /// The doubling of RFC 8032, 5.1.4.
    private var doubled: Ed25519Point {
        let a = x.squared
        let b = y.squared
        let c = z.squared + z.squared
        let h = a + b
        let g = a - b
        return Self.combined(e: h - (x + y).squared, f: c + g, g: g, h: h)
    }

    private static func combined(
        e: Ed25519Field, f: Ed25519Field, g: Ed25519Field, h: Ed25519Field
    ) -> Ed25519Point {
        Ed25519Point(x: e * f, y: g * h, z: f * g, t: e * h)
    }

    /// Multiplies the point by a scalar of 32 bytes, little-endian.
    ///
    /// Each bit costs a doubling and an addition; whether the sum is kept is decided by a mask, not by a branch.
    func multiplied(by scalar: [UInt8]) -> Ed25519Point {
        var product = Self.neutral
        for byte in scalar.reversed() {
            for shift in (0..<8).reversed() {
                product = product.doubled
                let sum = product + self
                let mask = 0 &- UInt64(byte >> UInt8(shift) & 1)
                product = Ed25519Point(
                    x: .select(mask, sum.x, else: product.x),
                    y: .select(mask, sum.y, else: product.y),
                    z: .select(mask, sum.z, else: product.z),
                    t: .select(mask, sum.t, else: product.t))
            }
        }
        return product
    }

    /// The 32 bytes of y, with the lowest bit of x as the highest bit (RFC 8032, 5.1.2).
    var encoded: [UInt8] {
        let inverse = z.inverse
        var bytes = (y * inverse).encoded
        bytes[31] |= ((x * inverse).encoded[0] & 1) << 7
        return bytes
    }
}
