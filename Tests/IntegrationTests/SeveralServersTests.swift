import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// Of several servers the pool uses one, which takes writes; when that fails, or turns read-only, another.
@Suite struct SeveralServersTests {
    /// Callers that write until the body is done. Returns the number of answered writes; none may fail.
    private func underLoad(
        _ kv: MySQLKvStore, _ body: (_ written: @Sendable () -> Int) async throws -> Void
    ) async throws -> Int {
        let written = NIOLockedValueBox(0)
        let stop = NIOLockedValueBox(false)
        try await withThrowingTaskGroup { group in
            for caller in 0..<8 {
                group.addTask {
                    var round = 0
                    while !stop.withLockedValue(\.self) {
                        try await kv.set(["\(caller)", "\(round)"], round)
                        #expect(try await kv.get(["\(caller)", "\(round)"], as: Int.self) == round)
                        written.withLockedValue { $0 += 1 }
                        round += 1
                    }
                }
            }
            let result = await Result { try await body { written.withLockedValue(\.self) } }
            stop.withLockedValue { $0 = true }
            try result.get()
            try await group.waitForAll()
        }
        return written.withLockedValue(\.self)
    }

    /// Waits until some more writes were done.
    private func progress(_ written: @Sendable () -> Int) async throws {
        let before = written()
        try await eventually { written() > before + 50 }
    }

    /// A server that fails under load: the pool goes to the next one, and stays there.
    @Test(arguments: try await TestServer.all)
    func aServerThatFailsIsLeft(_ server: TestServer) async throws {
        let (first, second) = (try Proxy(to: server.ports[0]), try Proxy(to: server.ports[0]))
        let log = CapturedLog()
        let pool = try server.pool(4, logger: log.logger) {
            $0.addresses = [first, second].map { .tcp(host: "127.0.0.1", port: $0.port) }
        }
        try await server.withStore { direct, _ in
            try await direct.createTable()
            let kv = try MySQLKvStore(pool, options: direct.options)
            let written = try await underLoad(kv) { written in
                try await progress(written)
                #expect(first.connections > 0 && second.connections == 0)
                first.down()
                try await progress(written)
                #expect(pool.description.contains(":\(second.port)"))
                // The first one is back: the pool stays with the second one while that works.
                try first.up()
                try await progress(written)
                #expect(first.connections == 0 && second.connections > 0)
                second.down()
                try await progress(written)
                #expect(first.connections > 0)
            }
            #expect(try await direct.count() == written)
            #expect(pool.status.connections <= 4)
        }
        #expect(log.text.components(separatedBy: "switched to another server").count == 3, "once there, once back")
        await pool.close()
        first.down()
        second.down()
    }

    /// A server that was left is tried last, even if it is available.
    @Test(arguments: try await TestServer.all)
    func aServerThatWasLeftComesLast(_ server: TestServer) async throws {
        let proxies = try (0..<3).map { _ in try Proxy(to: server.ports[0]) }
        let pool = try server.pool(2) { $0.addresses = proxies.map { .tcp(host: "127.0.0.1", port: $0.port) } }
        try await pool.withConnection { _ in }
        for (used, next) in [(0, 1), (1, 2), (2, 0)] {
            #expect(pool.description.contains(":\(proxies[used].port)"), "\(pool) \(used)")
            proxies[used].refuse(true)
            try await eventually { pool.status.connections == 0 }
            try await pool.withConnection { _ in }
            #expect(pool.description.contains(":\(proxies[next].port)"), "\(pool) \(next)")
            // It is available again, and so are both of the others.
            proxies[used].refuse(false)
        }
        await pool.close()
        for proxy in proxies { proxy.down() }
    }

    /// All servers read-only for a while: a pause, and no error. (MySQL and MariaDB: `read_only`.)
    @Test(arguments: try await TestServer.all)
    func aServerThatTurnsReadOnlyIsLeft(_ server: TestServer) async throws {
        let other = try Proxy(to: server.ports[0])
        let log = CapturedLog()
        try await server.withStore { direct, _ in
            try await direct.createTable()
            // MariaDB lets administrators write all the same.
            try await server.withUser(granted: "ALL") { user, password in
                let pool = try server.pool(4, logger: log.logger) {
                    $0.addresses.append(.tcp(host: "127.0.0.1", port: other.port))
                    ($0.user, $0.password) = (user, MySQLConfiguration.Password(password))
                }
                let kv = try MySQLKvStore(pool, options: direct.options)
                let written = try await underLoad(kv) { written in
                    try await progress(written)
                    try await server.whileReadOnly {
                        try await eventually { log.text.contains("is read-only") }
                        try await eventually { pool.status.waiting > 0 }
                    }
                    try await progress(written)
                }
                #expect(try await direct.count() == written)
                await pool.close()
            }
        }
        other.down()
    }

    /// Two servers change places: the writes go where they are taken.
    @Test(.enabled("needs two servers") { try await TestServer.all.count > 1 })
    func writesFollowTheServerThatTakesThem() async throws {
        let (first, second) = (try await TestServer.all[0], try await TestServer.all[1])
        try await second.withStore { onSecond, _ in
            try await onSecond.createTable()
            try await first.withUser(granted: "ALL", as: "both") { _, password in
                try await second.withUser(granted: "ALL", as: "both", password: password) { user, password in
                    let pool = try first.pool(4) {
                        $0.addresses += second.configuration.addresses
                        ($0.user, $0.password) = (user, MySQLConfiguration.Password(password))
                    }
                    let kv = try MySQLKvStore(pool, options: onSecond.options)
                    try await first.whileReadOnly {
                        try await kv.set(["k"], 1)
                        #expect(try await onSecond.get(["k"], as: Int.self) == 1)
                        #expect(try await ports(of: pool, connections: 4) == ["\(second.ports[0])"])
                    }
                    try await second.whileReadOnly {
                        // One connection hears of it; the others, which could go on reading, are given up with it.
                        let table = kv.options.tableName
                        let error = await #expect(throws: MySQLError.self) {
                            try await pool.withConnection { try await $0.query("DELETE FROM `\(table)`") }
                        }
                        #expect(error?.serverCode == 1290)
                        #expect(try await ports(of: pool, connections: 4) == ["\(first.ports[0])"])
                        // The table doesn't exist yet.
                        try await kv.set(["k"], 2)
                        #expect(try await kv.get(["k"], as: Int.self) == 2)
                    }
                    #expect(try await onSecond.get(["k"], as: Int.self) == 1)
                    try await kv.dropTable()
                    await pool.close()
                }
            }
        }
    }

    /// A name that points to another server from now on: as soon as the first one says that it is read-only,
    /// all connections to it are closed, and the next ones reach the second.
    @Test(.enabled("needs two servers") { try await TestServer.all.count > 1 })
    func writesFollowANameToAnotherServer() async throws {
        let (first, second) = (try await TestServer.all[0], try await TestServer.all[1])
        let proxy = try Proxy(to: first.ports[0])
        defer { proxy.down() }
        try await second.withStore { onSecond, _ in
            try await onSecond.createTable()
            try await first.withUser(granted: "ALL", as: "both") { _, password in
                try await second.withUser(granted: "ALL", as: "both", password: password) { user, password in
                    let pool = try first.pool(4, through: proxy) {
                        ($0.user, $0.password) = (user, MySQLConfiguration.Password(password))
                    }
                    let kv = try MySQLKvStore(pool, options: onSecond.options)
                    try await kv.set(["k"], 1)
                    #expect(try await ports(of: pool, connections: 4) == ["\(first.ports[0])"])
                    proxy.redirect(to: second.ports[0])
                    try await kv.set(["k"], 2)
                    #expect(try await onSecond.get(["k"]) == nil, "a server that works is not left")
                    try await first.whileReadOnly {
                        try await kv.set(["k"], 3)
                        #expect(try await onSecond.get(["k"], as: Int.self) == 3)
                        #expect(try await kv.cas(["k"], expected: 3, new: 4))
                        #expect(try await ports(of: pool, connections: 4) == ["\(second.ports[0])"])
                    }
                    proxy.redirect(to: first.ports[0])
                    try await second.whileReadOnly { try await kv.set(["k"], 5) }
                    #expect(try await kv.get(["k"], as: Int.self) == 5)
                    #expect(try await onSecond.get(["k"], as: Int.self) == 4)
                    try await kv.dropTable()
                    await pool.close()
                }
            }
        }
    }

    /// Where a pool's connections go, as so many of them see it at the same time.
    private func ports(of pool: MySQLPool, connections: Int) async throws -> Set<String?> {
        let arrived = NIOLockedValueBox(0)
        return try await withThrowingTaskGroup { group in
            for _ in 0..<connections {
                group.addTask {
                    try await pool.withConnection { connection in
                        arrived.withLockedValue { $0 += 1 }
                        try await eventually { arrived.withLockedValue { $0 >= connections } }
                        var port: String?
                        try await connection.query("SELECT @@port") { port = $0.text(0) }
                        return port
                    }
                }
            }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    /// None can be used: an error that says so of each, at the deadline.
    @Test func noServerCanBeUsed() async throws {
        let server = try await TestServer.all[0]
        let pool = try server.pool(2) {
            $0.addresses = [1, 2].map { .tcp(host: "127.0.0.1", port: $0) }
            $0.operationTimeout = .seconds(2)
        }
        let error = await #expect(throws: KvError.self) { try await MySQLKvStore(pool).get(["k"]) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("none of 2 servers can be used: 127.0.0.1:1 can't be reached") == true)
        #expect(error?.message.contains("127.0.0.1:2 can't be reached") == true, "\(error?.message ?? "")")
        await pool.close()
    }

    /// A single server that is read-only answers what it can; a write says why it can't be, when its time is over.
    @Test(arguments: try await TestServer.all)
    func aSingleServerMayBeReadOnly(_ server: TestServer) async throws {
        try await server.withStore { direct, _ in
            try await direct.set(["k"], 1)
            try await server.withUser(granted: "ALL") { user, password in
                let pool = try server.pool(2) {
                    ($0.user, $0.password, $0.operationTimeout) = (
                        user, MySQLConfiguration.Password(password), .seconds(2)
                    )
                }
                let kv = try MySQLKvStore(pool, options: direct.options)
                try await server.whileReadOnly {
                    let value = try await kv.get(["k"], as: Int.self)
                    #expect(value == 1)
                    let error = await #expect(throws: KvError.self) { try await kv.set(["k"], 2) }
                    #expect(error?.code == .deadlineExceeded)
                    #expect(error?.message.contains("1290") == true, "\(error?.message ?? "")")
                }
                try await kv.set(["k"], 3)
                await pool.close()
            }
        }
    }
}
