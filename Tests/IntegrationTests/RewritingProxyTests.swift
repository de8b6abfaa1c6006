import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Proxies that do more than forward: they greet instead of a server, and answer when their server can't.
@Suite struct RewritingProxyTests {
    private func withProxy(
        _ server: TestServer, deadline: Duration = .seconds(20),
        _ body: (Proxy, MySQLKvStore, MySQLKvStore) async throws -> Void
    ) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let pool = try server.pool(4, through: proxy, isPlain: true) {
                $0.operationTimeout = deadline
            }
            try await body(proxy, MySQLKvStore(pool, options: direct.options), direct)
            await pool.close()
        }
    }

    /// A server is what it is, and not what its greeting says.
    @Test(arguments: try await TestServer.all, ["8.0.36", "5.5.5-10.6.12-MariaDB"])
    func aGreetingIsNotBelieved(_ server: TestServer, _ version: String) async throws {
        try await withProxy(server) { proxy, kv, _ in
            proxy.rewriteGreeting { greeting in
                guard let end = greeting.dropFirst().firstIndex(of: 0) else { return greeting }
                return [greeting[0]] + Array(version.utf8) + greeting[end...]
            }
            let seen = try await kv.pool.withConnection(\.server)
            #expect(seen.flavor == (server.isMariaDB ? .mariadb : .mysql))
            #expect(seen.version != version)
            try await kv.set(["k"], 1)
            #expect(try await kv.cas(["k"], expected: 1, new: 2))
            // Values that only one of the two can keep.
            let number = JSONValue(uncheckedJSON: "12345678901234567890123")
            if server.isMariaDB {
                try await kv.set(["n"], number)
                #expect(try await kv.get(["n"]) == number)
            } else {
                let error = await #expect(throws: KvError.self) { try await kv.set(["n"], number) }
                #expect(error?.code == .unsupportedValue)
            }
            let won = await withTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask { (try? await kv.cas(["k"], expected: 2, new: 3)) == true ? 1 : 0 }
                }
                return await group.reduce(0, +)
            }
            #expect(won == 1)
        }
    }

    /// A proxy whose server is away for a moment: it answers with errors of its own, to any command. (ProxySQL: 9001;
    /// MaxScale and others forward the error of their own connection attempt: 1040, 1203.)
    @Test(arguments: try await TestServer.all, [9001, 1040, 1203] as [UInt16])
    func aProxyWithoutAServerIsWaitedFor(_ server: TestServer, _ code: UInt16) async throws {
        try await withProxy(server) { proxy, kv, direct in
            try await direct.set(["k"], 0)
            let commands = NIOLockedValueBox(0)
            // Ten commands of thirty, whatever they are.
            proxy.rewrite { command in
                guard command.first == 0x03 || command.first == 0x16 || command.first == 0x17 else { return .asItIs }
                let count = commands.withLockedValue { count in
                    count += 1
                    return count
                }
                return count / 10 % 3 == 2 && count < 300 ? .error(code) : .asItIs
            }
            try await withThrowingTaskGroup { group in
                for number in 0..<16 {
                    group.addTask {
                        for round in 1...5 {
                            try await kv.set(["\(number)"], round)
                            #expect(try await kv.get(["\(number)"], as: Int.self) == round)
                            #expect(try await kv.cas(["\(number)"], expected: round, new: -round))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(commands.withLockedValue(\.self) >= 100)
            #expect(try await direct.count() == 17)
        }
    }
}
