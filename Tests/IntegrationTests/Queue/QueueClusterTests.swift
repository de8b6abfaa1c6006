import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// The queue on clusters: three Galera nodes, three servers in Group Replication with one primary. All clients have the
/// same list of servers.
@Suite(.serialized) struct QueueClusterTests {
    @Test(arguments: try await TestServer.clusters, DeliveryOptions.FailedKey.allCases)
    func theContractHolds(_ cluster: TestServer, _ whenFailed: DeliveryOptions.FailedKey) async throws {
        try await cluster.checkQueueContract(whenFailed)
    }

    /// The server in use is killed, and comes back.
    @Test(arguments: try await TestServer.clusters)
    func nothingIsLostWithAServer(_ cluster: TestServer) async throws {
        let deadline = Duration.seconds(40)
        try await FaultScene.with(cluster, deadline: deadline, callers: 4) { scene in
            try await QueueScene.with(cluster, url: scene.url) { queue in
                try await queue.run {
                    _ = try await scene.load.run {
                        try await scene.load.begun()
                        for _ in 0..<ClusterTests.times {
                            try await queue.progress()
                            try await scene.killServerInUse()
                        }
                        try await queue.progress()
                    }
                }
                try await queue.check("kill -9 of the server in use", times: ClusterTests.times)
                #expect(queue.history.errors.isEmpty, "\(queue.history.errors)")
                #expect(queue.history.longestCall <= deadline + .seconds(1))
            }
        }
    }

    /// Ways in which a server loses its place in the cluster while the sessions on it stay open.
    enum Loss: String, CaseIterable, CustomTestStringConvertible {
        case standsStill = "SIGSTOP of the server in use"
        case isDemoted = "the server in use is made read-only, another one takes its place"

        var testDescription: String { rawValue }

        /// Nothing tells the clients: their deadline ends the wait.
        var errors: Set<MQError.Code> {
            self == .standsStill ? [.deadlineExceeded, .connectionFailed, .overloaded] : []
        }
    }

    /// Locks on a server that other processes have left exclude none of them: their handlers are cancelled before
    /// another process has the keys, whose sessions are on another server. Leases go on there.
    @Test(arguments: try await TestServer.clusters, Loss.allCases)
    func locksEndWithTheServersPlace(_ cluster: TestServer, _ loss: Loss) async throws {
        try await FaultScene.with(cluster, deadline: .seconds(5), callers: 4) { scene in
            try await QueueScene.with(cluster, url: scene.url, { $0.delivery.lease = .seconds(20) }) { queue in
                // Many handlers outlast the change.
                try await queue.run(work: 15_000, backlog: 24, isTroubled: false) {
                    _ = try await scene.load.run {
                        try await scene.load.begun()
                        try await eventually { queue.history.running >= 12 }
                        try await scene.whileLost(loss) {
                            // One that comes now has only the other servers.
                            let worker = try queue.startWorker("process 1")
                            try await eventually { queue.history.running(in: worker.name) >= 1 }
                            try await queue.progress(30)
                        }
                        try await queue.progress(30)
                    }
                }
                var rules = QueueHistoryChecker.Rules()
                // Until a session asks, it doesn't know that its server was demoted.
                if loss == .isDemoted { rules.lockTolerance = .seconds(2) }
                try await queue.check(loss.rawValue, rules)
                #expect(Set(queue.history.errors.keys).isSubset(of: loss.errors), "\(queue.history.errors)")
            }
        }
    }
}

extension FaultScene {
    /// Runs a body while the server in use has lost its place to another one, which all stores have found.
    fileprivate func whileLost(_ loss: QueueClusterTests.Loss, _ body: () async throws -> Void) async throws {
        let number = try await serverInUse()
        let (node, former) = (server.nodes[number], server.alone(number))
        switch loss {
        case .standsStill: try node.signal(SIGSTOP)
        case .isDemoted where server.isMariaDB: try await former.sql("SET GLOBAL read_only = ON")
        case .isDemoted: try await makeAnotherPrimary(former)
        }
        let result = await Result {
            try await load.recover()
            try await body()
        }
        switch loss {
        case .standsStill: try node.signal(SIGCONT)
        case .isDemoted where server.isMariaDB: try await former.sql("SET GLOBAL read_only = OFF")
        case .isDemoted: break
        }
        try result.get()
        try await server.isWhole()
    }

    /// Has another member of Group Replication take the primary's place, as for a restart in order.
    private func makeAnotherPrimary(_ primary: TestServer) async throws {
        let others = try await primary.sql(
            "SELECT member_id FROM performance_schema.replication_group_members WHERE member_role = 'SECONDARY'")
        let other = try #require(others.first?[0])
        try await primary.sql("SELECT group_replication_set_as_primary('\(other)')")
    }
}
