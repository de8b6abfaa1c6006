import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Requests that wait for an unreachable server.
@Suite struct StormTests {
    /// A thousand callers open no more connections than one would.
    @Test(arguments: try await TestServer.all)
    func aThousandCallersMakeAHandfulOfAttempts(_ server: TestServer) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let pool = try server.pool(10, through: proxy) {
                $0.operationTimeout = .seconds(3)
                $0.pool.acquisitionTimeout = .seconds(3)
            }
            let kv = try MySQLKvStore(pool, options: direct.options)
            try await kv.set(["k"], "v")

            /// The errors of a thousand callers, and how long the last of them took.
            func callAll() async -> ([KvError.Code], Duration) {
                let begun = ContinuousClock.now
                let errors = await withTaskGroup { group in
                    for number in 0..<1000 {
                        group.addTask { () -> KvError.Code? in
                            do {
                                try await kv.set(["\(number)"], "v")
                                return nil
                            } catch {
                                return (error as? KvError)?.code
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                return (errors.compactMap(\.self), begun.duration(to: .now))
            }

            proxy.refuse(true)
            let before = proxy.accepted
            let (errors, took) = await callAll()
            #expect(errors.count == 1000)
            #expect(Set(errors).isSubset(of: [.connectionFailed, .overloaded, .deadlineExceeded]))
            #expect(took < .seconds(4))
            // The pauses between them grow to a second.
            #expect((2...12).contains(proxy.accepted - before), "\(proxy.accepted - before)")

            // It comes back while they wait: all are served.
            async let answers = callAll()
            try await eventually { pool.status.waiting > 0 }
            let away = proxy.accepted
            proxy.refuse(false)
            #expect(await answers.0.isEmpty)
            #expect(proxy.accepted - away <= 12)
            await pool.close()
        }
    }
}
