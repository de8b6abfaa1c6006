#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension String {
    /// The same Unicode scalars, which `==` doesn't say.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && compareBytes(with: other) == 0
    }

    /// Negative if this text's UTF-8 sorts before the other's, positive if behind, 0 if they are the same.
    package func compareBytes(with other: String) -> Int {
        withUTF8Bytes { left in other.withUTF8Bytes { left.compareBytes(with: $0) } }
    }

    /// The same against bytes.
    package func compareBytes(with bytes: UnsafeRawBufferPointer) -> Int {
        withUTF8Bytes { $0.compareBytes(with: bytes) }
    }

    /// How many bytes of UTF-8 both texts begin with.
    package func sharedPrefix(with other: String) -> Int {
        withUTF8Bytes { left in
            other.withUTF8Bytes { right in
                let length = min(left.count, right.count)
                return (0..<length).first { left[$0] != right[$0] } ?? length
            }
        }
    }

    /// Eight bytes of UTF-8 as a number that sorts as they do; what is beyond the end counts as 0.
    package func bytes(from offset: Int) -> UInt64 {
        withUTF8Bytes { bytes in
            var number: UInt64 = 0
            for index in offset..<offset + 8 { number = number << 8 | UInt64(index < bytes.count ? bytes[index] : 0) }
            return number
        }
    }

    private func withUTF8Bytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        if let result = utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        var copy = self
        return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func compareBytes(with other: UnsafeRawBufferPointer) -> Int {
        let length = Swift.min(count, other.count)
        let order = length == 0 ? 0 : memcmp(baseAddress!, other.baseAddress!, length)
        return order == 0 ? count - other.count : Int(order)
    }
}
