import FedifyKv
import FedifyKvTesting
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// Clusters: three Galera nodes, three servers in Group Replication with one primary.
@Suite(.serialized) struct ClusterTests {
    /// How often the server in use is killed; `make test-faults` asks for more.
    static let times = ProcessInfo.processInfo.environment["FEDIFY_KV_FAILOVER_TIMES"].flatMap { Int($0) } ?? 1

    @Test(arguments: try await TestServer.clusters)
    func theContractHolds(_ cluster: TestServer) async throws {
        try await cluster.withStore { kv, _ in try await KvStoreContract(of: kv).check() }
    }

    /// The server in use is killed, and comes back, under load and while histories are recorded.
    @Test(arguments: try await TestServer.clusters)
    func nothingIsLostWithAServer(_ cluster: TestServer) async throws {
        let deadline = Duration.seconds(40)
        try await FaultScene.with(cluster, deadline: deadline, callers: 16) { scene in
            let (load, history) = (scene.load, History())
            let summary = try await load.run {
                try await load.begun()
                try await history.record(scene.stores) {
                    for _ in 0..<Self.times {
                        try await load.progress()
                        history.markFault()
                        try await scene.killServerInUse()
                        history.markFault()
                    }
                    try await eventually(within: .seconds(120)) { history.count >= 10_000 }
                }
                try await history.finish(scene.direct)
            }
            let lost = try await load.lost(in: scene.direct)
            FaultReport.add(cluster, "kill -9 of the server in use", times: Self.times, summary, lost: lost.count)
            FaultReport.add(cluster, history)
            #expect(lost.isEmpty, "\(lost.prefix(10))")
            #expect(summary.wrong.isEmpty, "\(summary.wrong.prefix(10))")
            #expect(summary.errors.keys.allSatisfy { $0 == .outcomeUnknown }, "\(summary.messages)")
            #expect(summary.longest <= deadline + .seconds(1))
            #expect(try #require(summary.recovery) <= .seconds(2))
            history.expectLinearizable()
        }
    }

    /// A server that doesn't answer any more, though its connections are open, is left when it has lost its place.
    @Test(arguments: try await TestServer.clusters)
    func aServerThatStandsStillIsLeft(_ cluster: TestServer) async throws {
        let deadline = Duration.seconds(3)
        try await FaultScene.with(cluster, deadline: deadline, callers: 16) { scene in
            let load = scene.load
            let summary = try await load.run {
                try await load.begun()
                try await load.progress()
                let node = cluster.nodes[try await scene.serverInUse()]
                try node.signal(SIGSTOP)
                // Answers may have been under way. Others take writes while it stands still.
                let result = await Result {
                    try await load.errors(8, [.deadlineExceeded, .connectionFailed, .outcomeUnknown])
                    try await load.recover()
                }
                try node.signal(SIGCONT)
                try result.get()
                try await load.progress()
            }
            // As the load's pools see it: for a moment the node that stood still believes that nothing has happened.
            let lost = try await load.lost(in: scene.stores[0])
            try await cluster.isWhole()
            FaultReport.add(cluster, "SIGSTOP of the server in use", times: 1, summary, lost: lost.count)
            #expect(lost.isEmpty, "\(lost.prefix(10))")
            #expect(summary.wrong.isEmpty, "\(summary.wrong.prefix(10))")
            #expect(summary.longest <= deadline + .seconds(1))
        }
    }

    /// Galera, clients on different nodes: with `wsrep_sync_wait` a node first waits for what others have committed.
    @Test(arguments: [7])
    func withSyncWaitNodesAgree(_ syncWait: Int) async throws {
        let cluster = try #require(try await TestServer.clusters.first(where: \.isMariaDB))
        try await cluster.withStore { kv, _ in
            try await kv.createTable()
            let history = History()
            try await onEachNode(of: cluster, kv, syncWait) { stores in
                try await history.record(stores) {
                    try await eventually(within: .seconds(240)) { history.count >= 10_000 }
                }
                try await history.finish(stores[0])
            }
            FaultReport.add(cluster, history, "clients on three nodes, wsrep_sync_wait = \(syncWait)")
            history.expectLinearizable()
        }
    }

    /// Without it, as by default, one node doesn't know at once what was committed on another.
    @Test func withoutSyncWaitReadsAreStale() async throws {
        let cluster = try #require(try await TestServer.clusters.first(where: \.isMariaDB))
        try await cluster.withStore { kv, _ in
            try await kv.createTable()
            try await onEachNode(of: cluster, kv, 0) { stores in
                var number = 0
                try await eventually(within: .seconds(60)) {
                    number += 1
                    try await stores[0].set(["k"], JSONValue(encoding: number))
                    return try await stores[2].get(["k"]) != JSONValue(encoding: number)
                }
            }
            // The same with it.
            try await onEachNode(of: cluster, kv, 1) { stores in
                for number in 0..<500 {
                    try await stores[0].set(["k"], JSONValue(encoding: number))
                    let found = try await stores[2].get(["k"], as: Int.self)
                    #expect(found == number)
                }
            }
        }
    }

    private func onEachNode(
        of cluster: TestServer, _ kv: MySQLKvStore, _ syncWait: Int, _ body: ([any KvStore]) async throws -> Void
    ) async throws {
        let pools = try cluster.ports.indices.map { number in
            try cluster.alone(number).pool(4) { $0.sessionSetup = ["SET SESSION wsrep_sync_wait = \(syncWait)"] }
        }
        let result = await Result { try await body(pools.map { try MySQLKvStore($0, options: kv.options) }) }
        for pool in pools { await pool.close() }
        try result.get()
    }
}

extension TestServer {
    /// Whether the server, one of a cluster, takes writes after others are gone.
    fileprivate func takesWrites(in cluster: TestServer, of size: Int) async -> Bool {
        do {
            guard isMariaDB else { return try await sql("SELECT @@GLOBAL.super_read_only")[0][0] == "0" }
            let status = try await sql(
                "SHOW STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_ready', 'wsrep_cluster_status')")
            return Set(status.map { $0[1] }) == ["\(size)", "ON", "Primary"]
        } catch {
            return false
        }
    }

    /// Waits until all servers of the cluster are part of it.
    func isWhole() async throws {
        try await eventually(within: .seconds(120)) {
            for number in ports.indices {
                do {
                    let server = alone(number)
                    let state = try await server.sql(
                        isMariaDB
                            ? "SHOW STATUS LIKE 'wsrep_local_state_comment'"
                            : "SELECT '', member_state FROM performance_schema.replication_group_members "
                                + "WHERE member_port = @@port")
                    guard state.first?[1] == (isMariaDB ? "Synced" : "ONLINE") else { return false }
                } catch is MySQLError {
                    return false
                }
            }
            return true
        }
    }
}

extension FaultScene {
    /// The server that has the load's connections.
    func serverInUse() async throws -> Int {
        var inUse: Int?
        try await eventually {
            let used = proxies.indices.filter { proxies[$0].connections > 0 }
            inUse = used.first
            return used.count == 1
        }
        return inUse!
    }

    /// Kills the server in use, waits until all stores have set something on another, and starts it again.
    func killServerInUse() async throws {
        let number = try await serverInUse()
        let node = server.nodes[number]
        try await node.kill9()
        let others = server.ports.indices.filter { $0 != number }.map(server.alone)
        try await eventually(within: .seconds(60)) {
            for other in others where await other.takesWrites(in: server, of: others.count) { return true }
            return false
        }
        try await load.recover()
        try await node.start()
        try await server.isWhole()
    }
}
