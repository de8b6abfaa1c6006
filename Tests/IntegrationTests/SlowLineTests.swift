import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Large values over a line that carries few of them within a deadline.
@Suite struct SlowLineTests {
    /// A store over a proxy, on a table with values of a size.
    private func withStore(
        _ server: TestServer, values: Int, of bytes: Int, deadline: Duration, connections: Int = 1,
        _ body: (Proxy, MySQLKvStore, JSONValue) async throws -> Void
    ) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await server.withStore { direct, _ in
            let value = JSONValue(uncheckedJSON: "\"\(String(repeating: "x", count: bytes))\"")
            for number in 0..<values { try await direct.set(["large", "\(number)"], value) }
            let pool = try server.pool(connections, through: proxy) {
                $0.operationTimeout = deadline
            }
            let kv = try MySQLKvStore(pool, options: direct.options)
            try await body(proxy, kv, value)
            proxy.throttle(to: nil)
            await pool.close()
        }
    }

    /// Rows that don't fit in a page are not sent, so that no page times out.
    @Test(arguments: try await TestServer.all)
    func whatDoesNotFitInAPageIsNotSent(_ server: TestServer) async throws {
        try await withStore(server, values: 20, of: 1 << 20, deadline: .seconds(5)) { proxy, kv, value in
            #expect(try await kv.get(["large", "0"]) == value)
            proxy.throttle(to: 2 << 20)
            var listed = 0
            for try await _ in kv.list(prefix: ["large"]) { listed += 1 }
            #expect(listed == 20)
        }
    }

    /// A page that doesn't come within the deadline is asked for again, smaller; and so are those that follow.
    @Test(arguments: try await TestServer.all)
    func aPageThatIsLateComesBackSmaller(_ server: TestServer) async throws {
        try await withStore(server, values: 40, of: 50_000, deadline: .seconds(1.5)) { proxy, kv, value in
            #expect(try await kv.get(["large", "0"]) == value)
            proxy.throttle(to: 400_000)
            let before = proxy.accepted
            var listed = 0
            for try await entry in kv.list(prefix: ["large"]) {
                #expect(entry.value == value)
                listed += 1
            }
            #expect(listed == 40)
            // One page was late, and its connection was given up.
            #expect(proxy.accepted - before <= 2)
        }
    }

    /// A burst of gets is not answered all at once: those that the line has time for are.
    @Test(arguments: try await TestServer.all)
    func aBurstOfGetsIsAnsweredInParts(_ server: TestServer) async throws {
        try await withStore(server, values: 64, of: 1 << 20, deadline: .seconds(3)) { proxy, kv, value in
            #expect(try await kv.get(["large", "0"]) == value)
            proxy.throttle(to: 8 << 20)
            let answered = await withTaskGroup { group in
                for number in 0..<64 {
                    group.addTask { (try? await kv.get(["large", "\(number)"])) == value ? 1 : 0 }
                }
                return await group.reduce(0, +)
            }
            #expect(answered >= 8, "\(answered)")
            proxy.throttle(to: nil)
            let many = try await kv.get(keys: (0..<64).map { ["large", "\($0)"] })
            #expect(many.count == 64)
        }
    }

    /// A sweep whose batch is late removes fewer rows at a time.
    @Test(arguments: try await TestServer.all)
    func aSweepThatIsLateRemovesFewerRowsAtATime(_ server: TestServer) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await server.withStore { direct, _ in
            try await direct.set(entries: (0..<300).map { KvEntry(key: ["k", "\($0)"], value: .null) }, ttl: .zero)
            // The server is slow with many rows.
            proxy.rewrite { command in
                let text = String(decoding: command.dropFirst(), as: UTF8.self)
                let keys = text.count { $0 == "?" }
                guard command[0] == 0x16, text.hasPrefix("DELETE"), keys > 100 else { return .asItIs }
                return .statement("DO SLEEP(60)" + String(repeating: ", ? IS NULL", count: keys))
            }
            let pool = try server.pool(1, through: proxy, isPlain: true) {
                $0.operationTimeout = .seconds(1)
            }
            let kv = try MySQLKvStore(pool, options: direct.options)
            #expect(try await kv.deleteExpired() == 300)
            await pool.close()
        }
    }
}
