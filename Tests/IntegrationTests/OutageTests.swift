import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// A server that goes away and comes back is a pause within the deadline, and an error after it.
@Suite struct OutageTests {
    /// A store whose connections go through a proxy.
    private func withProxy(
        _ server: TestServer, deadline: Duration,
        _ body: (Proxy, MySQLKvStore, MySQLKvStore) async throws -> Void
    ) async throws {
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let proxy = try Proxy(to: server.ports[0])
            let pool = try server.pool(4, through: proxy) {
                $0.operationTimeout = deadline
                $0.connectTimeout = .seconds(2)
            }
            try await body(proxy, MySQLKvStore(pool, options: direct.options), direct)
            await pool.close()
            proxy.down()
        }
    }

    @Test(arguments: try await TestServer.all)
    func anOutageIsAPause(_ server: TestServer) async throws {
        try await withProxy(server, deadline: .seconds(30)) { proxy, kv, direct in
            let written = NIOLockedValueBox(0)
            let unknown = NIOLockedValueBox(0)
            let stop = NIOLockedValueBox(false)
            try await withThrowingTaskGroup { group in
                for task in 0..<16 {
                    group.addTask {
                        var round = 0
                        while !stop.withLockedValue(\.self) {
                            // No error of set, get or delete reaches a caller.
                            try await kv.set(["outage", "\(task)", "\(round)"], round)
                            written.withLockedValue { $0 += 1 }
                            #expect(try await kv.get(["outage", "\(task)", "\(round)"], as: Int.self) == round)
                            try await kv.delete(["none"])
                            do {
                                let won = try await kv.cas(["cas", "\(task)", "\(round)"], expected: nil, new: round)
                                #expect(won)
                            } catch let error as KvError where error.code == .outcomeUnknown {
                                unknown.withLockedValue { $0 += 1 }
                            }
                            round += 1
                        }
                    }
                }
                for _ in 0..<3 {
                    let before = written.withLockedValue(\.self)
                    try await eventually { written.withLockedValue(\.self) > before + 50 }
                    proxy.down()
                    // Until all callers wait for a connection.
                    try await eventually { kv.pool.status.waiting >= 16 }
                    try proxy.up()
                }
                let after = written.withLockedValue(\.self)
                try await eventually { written.withLockedValue(\.self) > after + 50 }
                stop.withLockedValue { $0 = true }
                try await group.waitForAll()
            }
            #expect(try await direct.count(prefix: ["outage"]) == written.withLockedValue(\.self))
            #expect(
                unknown.withLockedValue(\.self) <= proxy.broken,
                "a swap is unknown only where it was under way on a connection")
        }
    }

    @Test(arguments: try await TestServer.all)
    func anOutageLongerThanTheDeadlineIsAnError(_ server: TestServer) async throws {
        try await withProxy(server, deadline: .seconds(1)) { proxy, kv, _ in
            try await kv.set(["k"], 1)
            proxy.down()
            let start = ContinuousClock.now
            let codes = try await withThrowingTaskGroup(of: KvError.Code?.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do {
                            try await kv.set(["k"], 2)
                            return nil
                        } catch let error as KvError {
                            return error.code
                        }
                    }
                }
                return try await group.reduce(into: Set<KvError.Code?>()) { $0.insert($1) }
            }
            #expect(codes.isSubset(of: [.connectionFailed, .deadlineExceeded]), "\(codes)")
            // The deadline, and the margin of a busy machine.
            #expect(start.duration(to: .now) < .seconds(5))
            try proxy.up()
            // It recovers by itself.
            try await eventually {
                do {
                    try await kv.set(["k"], 3)
                    return true
                } catch is KvError {
                    return false
                }
            }
            #expect(try await kv.get(["k"], as: Int.self) == 3)
        }
    }
}
