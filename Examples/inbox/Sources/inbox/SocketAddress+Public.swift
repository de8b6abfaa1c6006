import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension SocketAddress {
    /// An address on the internet: not of this machine, a private network, a link, or set apart for other uses.
    var isPublic: Bool {
        guard let bytes = ipBytes else { return false }
        if bytes.count == 4 { return !Self.setApart.contains { $0.contains(bytes) } }
        // 2000::/3 is all that is given out; in it, Teredo and other protocols, examples, and 6to4, which hides an IPv4
        // address, are set apart.
        guard bytes[0] & 0xe0 == 0x20 else { return false }
        if bytes[0] == 0x20, bytes[1] == 0x01 {
            return bytes[2] > 0x01 && !(bytes[2] == 0x0d && bytes[3] == 0xb8)
        }
        return !(bytes[0] == 0x20 && bytes[1] == 0x02)
    }

    var isLoopback: Bool {
        guard let bytes = ipBytes else { return false }
        return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Four bytes or sixteen; four also for an IPv4 address in the clothes of an IPv6 one.
    private var ipBytes: [UInt8]? {
        switch self {
        case .v4(let address):
            return withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            return isMapped ? Array(bytes[12...]) : bytes
        case .unixDomainSocket:
            return nil
        }
    }

    private struct Block {
        var start: [UInt8]
        var bits: Int

        func contains(_ bytes: [UInt8]) -> Bool {
            func number(_ bytes: [UInt8]) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
            return number(start) >> (32 - bits) == number(bytes) >> (32 - bits)
        }
    }

    /// IANA's registry of special addresses of IPv4.
    private static let setApart = [
        Block(start: [0, 0, 0, 0], bits: 8),
        Block(start: [10, 0, 0, 0], bits: 8),
        Block(start: [100, 64, 0, 0], bits: 10),
        Block(start: [127, 0, 0, 0], bits: 8),
        Block(start: [169, 254, 0, 0], bits: 16),
        Block(start: [172, 16, 0, 0], bits: 12),
        Block(start: [192, 0, 0, 0], bits: 24),
        Block(start: [192, 0, 2, 0], bits: 24),
        Block(start: [192, 88, 99, 0], bits: 24),
        Block(start: [192, 168, 0, 0], bits: 16),
        Block(start: [198, 18, 0, 0], bits: 15),
        Block(start: [198, 51, 100, 0], bits: 24),
        Block(start: [203, 0, 113, 0], bits: 24),
        Block(start: [224, 0, 0, 0], bits: 4),
        Block(start: [240, 0, 0, 0], bits: 4),
    ]
}
