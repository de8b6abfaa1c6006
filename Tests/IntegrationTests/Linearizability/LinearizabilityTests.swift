import FedifyKv
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// While servers and the network fail, clients in several processes see a few keys as they would if
/// each operation took effect at one moment.
@Suite(.serialized) struct LinearizabilityTests {
    /// Faults with an unknown outcome for requests in progress.
    private static let faults: [Fault] = [
        .cut, .truncate, .killConnections, .killQueries, .killServer, .outage, .lockedRows,
    ]

    @Test(arguments: try await TestServer.all)
    func historiesUnderFaults(_ server: TestServer) async throws {
        try await FaultScene.with(server, deadline: .seconds(20), callers: 4) { scene in
            let history = History()
            let summary = try await scene.load.run {
                try await scene.load.begun()
                try await history.record(scene.stores) {
                    for fault in Self.faults where fault.canHappen(to: server) {
                        try await scene.load.progress(20)
                        history.markFault()
                        try await fault.happen(in: scene)
                        history.markFault()
                    }
                    try await eventually(within: .seconds(120)) { history.count >= 10_000 }
                }
                try await history.finish(scene.direct)
            }
            FaultReport.add(server, history)
            #expect(summary.wrong.isEmpty)
            history.expectLinearizable()
        }
    }
}

extension History {
    /// Lets clients work on a few keys until the body is done.
    func record(_ stores: [any KvStore], _ body: () async throws -> Void) async throws {
        let stop = NIOLockedValueBox(false)
        let lastValue = NIOLockedValueBox(0)
        try await withThrowingTaskGroup { group in
            for client in 0..<16 {
                group.addTask {
                    var seen: [KvKey: Int] = [:]
                    while !stop.withLockedValue(\.self) {
                        let key: KvKey = [Self.prefix, "\(Int.random(in: 0..<8))"]
                        // Each value is written once: a read shows which write it saw.
                        let value = lastValue.withLockedValue { last in
                            last += 1
                            return last
                        }
                        let kind: Operation.Kind =
                            switch Int.random(in: 0..<10) {
                            case 0..<3: .read(nil)
                            case 3, 4: .write(value)
                            case 5: .write(nil)
                            case 6: .swap(expected: seen[key], new: nil, answer: nil)
                            default: .swap(expected: seen[key], new: value, answer: nil)
                            }
                        try await self.carryOut(kind, key, stores[client % stores.count])
                        // The next expected value.
                        seen[key] = try await self.carryOut(.read(nil), key, stores[client % stores.count])
                    }
                }
            }
            let result = await Result { try await body() }
            stop.withLockedValue { $0 = true }
            try result.get()
            try await group.waitForAll()
        }
    }

    /// Looks at all keys once more: what was lost in the end shows.
    func finish(_ store: any KvStore) async throws {
        for key in operations.keys { try await carryOut(.read(nil), key, store) }
    }

    func expectLinearizable() {
        #expect(count >= 10_000)
        for (key, operations) in operations {
            #expect(LinearizabilityChecker.accepts(operations), "\(key), \(operations.count) operations")
        }
    }
}
