import FedifyKv
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// A table under load from several processes, over a network that can be broken.
struct FaultScene: Sendable {
    let server: TestServer
    /// One before each server.
    let proxies: [Proxy]
    /// The table, not through the proxy.
    let direct: MySQLKvStore
    /// The load's user on the server, not an administrator.
    let user: String
    /// Two stores in this process, and two in others.
    let stores: [any KvStore]
    /// Those of this process.
    let pools: [MySQLPool]
    let load: RecordedLoad

    static let poolSize = 4

    var table: String { direct.options.tableName }

    var maximumConnections: Int { stores.count * Self.poolSize }

    var maximumPreparedStatements: Int { server.configuration.maximumPreparedStatements }

    /// Runs work beside the load while a fault happens again and again, each time after some more progress of the work.
    ///
    /// - Parameters:
    ///   - fault: The fault.
    ///   - steps: How much more the work must have done before the fault happens.
    ///   - work: Runs until it is over.
    ///   - progress: What the work has done so far.
    /// - Throws: What the work throws, or the fault; or that there was no progress for a minute.
    func run(
        under fault: Fault, steps: Int,
        _ work: @escaping @Sendable (_ isOver: @escaping @Sendable () -> Bool) async throws -> Void,
        progress: () -> Int
    ) async throws {
        let isOver = NIOLockedValueBox(false)
        _ = try await load.run {
            try await load.begun()
            try await withThrowingTaskGroup { group in
                group.addTask { try await work { isOver.withLockedValue(\.self) } }
                for _ in 0..<(FaultTests.times > 1 ? 3 : 10) {
                    let before = progress()
                    try await eventually(within: .seconds(60)) { progress() > before + steps }
                    try await fault.happen(in: self)
                }
                isOver.withLockedValue { $0 = true }
                try await group.waitForAll()
            }
        }
    }

    /// Sets the scene, and takes all down in the end but for the table that the body looks at.
    static func with(
        _ server: TestServer, deadline: Duration, callers: Int, padding: Int = 100,
        _ body: (FaultScene) async throws -> Void
    ) async throws {
        try await server.withStore { direct, _ in
            try await direct.createTable()
            try await server.withUser(granted: "ALL") { user, password in
                let proxies = try server.ports.map { try Proxy(to: $0) }
                let hosts = proxies.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                let url =
                    "mysql://\(user):\(password)@\(hosts)/\(server.configuration.database)"
                    + "?pool-size=\(poolSize)&connect-timeout=2&deadline=\(deadline / .seconds(1))"
                let pools = try (0..<2).map { _ in try MySQLPool(url: url) }
                let pipes = try (0..<2).map { _ in
                    try PipeProcess(url: url, table: direct.options.tableName, concurrency: 1000)
                }
                let stores: [any KvStore] = try pools.map { try MySQLKvStore($0, options: direct.options) }
                let scene = FaultScene(
                    server: server, proxies: proxies, direct: direct, user: user, stores: stores + pipes, pools: pools,
                    load: RecordedLoad(stores + pipes, callers: callers, padding: padding))
                let result = await Result { try await body(scene) }
                for pool in pools { await pool.close() }
                for pipe in pipes { pipe.close() }
                for proxy in proxies { proxy.down() }
                try result.get()
            }
        }
    }
}
