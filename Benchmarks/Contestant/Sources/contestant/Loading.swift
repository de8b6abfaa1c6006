import FedifyKv
import FedifyMySQL
import Workloads

/// What fills or drops the table.
enum Loading: String {
    /// A new table with the workloads' rows.
    case load
    /// Rows for a long listing.
    case loadMany = "load-many"
    /// Values of 60 MB.
    case loadLarge = "load-large"
    case drop

    static let manyPrefix: KvKey = ["many"]
    static let largeCount = 16
    static let largeSize = 60_000_000

    static func large(_ i: Int) -> KvKey { KvKey(["large", "\(i)"]) }

    func run(_ options: Options) async throws {
        let kv = try options.store { $0.operationTimeout = .seconds(120) }
        switch self {
        case .load:
            try await kv.dropTable()
            for (entries, ttl) in options.workloadRows.chunks { try await kv.set(entries: entries, ttl: ttl) }
        case .loadMany:
            for start in stride(from: 0, to: options.rows, by: 20_000) {
                let numbers = UInt32(start)..<UInt32(min(start + 20_000, options.rows))
                try await kv.set(
                    entries: numbers.map { i in
                        KvEntry(key: KvKey(["many", "\(i)"]), value: Documents.value(i, version: 0))
                    })
            }
        case .loadLarge:
            for i in 0..<Self.largeCount {
                try await kv.set(Self.large(i), Documents.value(UInt32(i), version: 0, size: Self.largeSize))
            }
        case .drop: try await kv.dropTable()
        }
        await kv.pool.close()
    }
}
