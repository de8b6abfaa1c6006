import CAllocations
import FedifyKv
import Workloads
import FedifyMySQL
@_spi(Benchmarks) import MySQLClient
import Foundation

/// How many blocks of memory a get and a set ask for, the caller's task, the pool's threads and the client library's
/// work included, on each server that MYSQL_URL names.
@main
enum Allocations {
    static func main() async throws {
        let urls = (ProcessInfo.processInfo.environment["MYSQL_URL"] ?? "").split(separator: " ")
        print("| allocations per operation | callers | get | get-missing | set |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for url in urls {
            var options = MySQLKvStoreOptions()
            options.tableName = "fedify_kv_allocations"
            let kv = try MySQLKvStore(MySQLPool(url: String(url)), options: options)
            let version = try await kv.pool.statement("SELECT VERSION()")[0][0] ?? ""
            for callers in [1, 64] {
                let counts = [
                    try await perOperation(callers) { _ = try await kv.get($0) },
                    try await perOperation(callers, keys: Documents.missing) { _ = try await kv.get($0) },
                    try await perOperation(callers) { try await kv.set($0, value) },
                ]
                let cells = counts.map { String(format: "%.1f", $0) }.joined(separator: " | ")
                print("| \(version) | \(callers) | \(cells) |")
            }
            try await kv.dropTable()
            await kv.pool.close()
        }
    }

    private static let value = Documents.value(0, version: 0)
    private static let rounds = 20_000

    /// Runs an operation once to warm up and once to count.
    private static func perOperation(
        _ callers: Int, keys: (UInt32) -> KvKey = Documents.document,
        _ operation: @escaping @Sendable (KvKey) async throws -> Void
    ) async throws -> Double {
        // They are made beforehand: keys are the caller's.
        let keys = (0..<UInt32(1000)).map(keys)
        func run() async throws {
            try await withThrowingTaskGroup { group in
                for caller in 0..<callers {
                    group.addTask {
                        for index in 0..<rounds / callers { try await operation(keys[(index + caller) % keys.count]) }
                    }
                }
                try await group.waitForAll()
            }
        }
        try await run()
        let before = allocations()
        try await run()
        return Double(allocations() - before) / Double(rounds / callers * callers)
    }
}
