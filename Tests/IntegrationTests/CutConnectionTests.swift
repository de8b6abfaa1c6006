import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// A connection that breaks at any byte: of what the client sends, and of what the server answers; while it is being
/// opened, and later.
@Suite struct CutConnectionTests {
    /// All of them with `make test-faults`, a few otherwise.
    private static let step = ProcessInfo.processInfo.environment["FEDIFY_KV_FAULT_TIMES"] == nil ? 41 : 1

    private func withProxy(
        _ server: TestServer, _ body: (Proxy, () throws -> (MySQLPool, MySQLKvStore), MySQLKvStore) async throws -> Void
    ) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            try await body(
                proxy,
                {
                    let pool = try server.pool(1, through: proxy, isPlain: true)
                    return (pool, try MySQLKvStore(pool, options: direct.options))
                }, direct)
        }
    }

    @Test(arguments: try await TestServer.all, [false, true])
    func atAnyByteNothingIsLostAndNothingIsWrong(_ server: TestServer, _ isAnswer: Bool) async throws {
        try await withProxy(server) { proxy, makeStore, direct in
            func carried() -> Int { isAnswer ? proxy.carried.toClients : proxy.carried.toServer }
            /// The bytes until the connection is open, and until the operations are done.
            func measure() async throws -> (open: Int, all: Int) {
                let before = carried()
                let (pool, kv) = try makeStore()
                try await pool.withConnection { _ in }
                let open = carried() - before
                try await operate(kv, -1)
                let all = carried() - before
                await pool.close()
                return (open, all)
            }
            func operate(_ kv: MySQLKvStore, _ number: Int) async throws {
                try await kv.set(["set"], number)
                #expect(try await kv.get(["set"], as: Int.self) == number)
                try await kv.set(["swapped"], number)
                #expect(try await kv.cas(["swapped"], expected: number, new: -number))
                try await kv.delete(["set"])
            }
            let (open, all) = try await measure()
            for bytes in stride(from: 1, through: all + 16, by: Self.step) {
                let (pool, kv) = try makeStore()
                let before = proxy.broken
                proxy.cut(after: bytes, ofAnswers: isAnswer)
                do {
                    try await operate(kv, bytes)
                } catch let error as KvError {
                    #expect(error.code == .outcomeUnknown, "\(bytes): \(error)")
                    #expect(bytes > open, "\(bytes) of \(open): \(error)")
                    let value = try await direct.get(["swapped"], as: Int.self)
                    #expect(value == bytes || value == -bytes, "\(bytes): \(value as Any)")
                }
                #expect(proxy.broken - before <= 1)
                await pool.close()
            }
        }
    }
}
