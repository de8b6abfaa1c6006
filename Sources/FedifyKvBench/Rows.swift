public import FedifyKv

/// How many rows a benchmark has, and how large they are.
public struct Rows: Sendable {
    /// Documents that never expire.
    public var documents: UInt32 = 100_000
    /// Documents that expire.
    public var expiring = UInt32(Documents.expiringCount)
    /// Entries to swap: at most as many as there are callers.
    public var swapped = 256
    /// The size of a value, in bytes.
    public var valueSize = Documents.size

    /// 111,256 rows of 1 KiB.
    public init() {}

    /// All entries, in chunks to be stored one after the other, and how long each lives.
    public var chunks: some Sequence<(entries: [KvEntry], ttl: Duration?)> {
        let kinds: [(count: Int, ttl: Duration?, key: @Sendable (UInt32) -> KvKey)] = [
            (Int(documents), nil, Documents.document),
            (Int(expiring), .seconds(86400), Documents.expiring),
            (Documents.listedCount, nil, Documents.listed),
            (swapped, nil, { Documents.swapped(Int($0)) }),
        ]
        let size = valueSize
        return kinds.lazy.flatMap { kind in
            stride(from: 0, to: kind.count, by: 10_000).lazy.map { start in
                let entries = (start..<min(start + 10_000, kind.count)).map { i in
                    KvEntry(
                        key: kind.key(UInt32(i)), value: Documents.value(UInt32(i), version: 0, size: size))
                }
                return (entries, kind.ttl)
            }
        }
    }
}
