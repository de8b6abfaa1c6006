import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import Testing

/// `update` and `getOrSet` from several processes while connections break.
@Suite(.serialized) struct HelperFaultTests {
    /// All that a helper can meet with `make test-faults`, two of them otherwise.
    static let faults: [Fault] =
        FaultTests.times > 1
        ? [
            .cut, .outage, .delay, .blackHole, .halfOpen, .truncate, .killServer, .stopServer, .killConnections,
            .readOnly,
        ] : [.cut, .killConnections]

    private struct Tally: Sendable {
        var done: [KvKey: Int] = [:]
        var unknown: [KvKey: Int] = [:]
        var rounds = 0
        var errors: [KvError.Code: Int] = [:]
    }

    /// Callers that do something again and again while a fault happens ten times.
    private func underFaults(
        _ server: TestServer, _ fault: Fault,
        _ operation: @escaping @Sendable (any KvStore, _ caller: Int, NIOLockedValueBox<Tally>) async throws -> Void,
        _ check: (MySQLKvStore, Tally) async throws -> Void
    ) async throws {
        try await FaultScene.with(server, deadline: fault.deadline, callers: 4) { scene in
            let tally = NIOLockedValueBox(Tally())
            try await scene.run(under: fault, steps: 20) { isOver in
                try await withThrowingTaskGroup { group in
                    for caller in 0..<16 {
                        let store = scene.stores[caller % scene.stores.count]
                        group.addTask {
                            while !isOver() {
                                do {
                                    try await operation(store, caller, tally)
                                    tally.withLockedValue { $0.rounds += 1 }
                                } catch let error as KvError {
                                    tally.withLockedValue { $0.errors[error.code, default: 0] += 1 }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            } progress: {
                tally.withLockedValue(\.rounds)
            }
            let result = tally.withLockedValue(\.self)
            let allowed = fault.errors.union([.outcomeUnknown, .deadlineExceeded, .connectionFailed])
            #expect(Set(result.errors.keys).isSubset(of: allowed), "\(result.errors)")
            try await check(scene.direct, result)
        }
    }

    /// Every update that was answered is in the counter; one whose outcome is unknown may be.
    @Test(arguments: try await Fault.onEachServer(Self.faults))
    func noUpdateIsLost(_ server: TestServer, _ fault: Fault) async throws {
        try await underFaults(server, fault) { store, caller, tally in
            let key: KvKey = ["counter", "\(caller % 8)"]
            do {
                try await store.update(key, as: Int.self, timeout: .seconds(30)) { ($0 ?? 0) + 1 }
                tally.withLockedValue { $0.done[key, default: 0] += 1 }
            } catch let error as KvError {
                if error.mayHaveBeenApplied { tally.withLockedValue { $0.unknown[key, default: 0] += 1 } }
                throw error
            }
        } _: { direct, tally in
            for (key, done) in tally.done {
                let count = try await direct.get(key, as: Int.self) ?? 0
                #expect(
                    (done...done + (tally.unknown[key] ?? 0)).contains(count),
                    "\(key): \(count), answered \(done), unknown \(tally.unknown[key] ?? 0)")
            }
        }
    }

    /// All callers of a key get one value, which is the one that is stored.
    @Test(arguments: try await Fault.onEachServer(Self.faults))
    func allGetOneValue(_ server: TestServer, _ fault: Fault) async throws {
        let next = NIOLockedValueBox(0)
        let seen = NIOLockedValueBox<[Int: Set<String>]>([:])
        try await underFaults(server, fault) { store, _, _ in
            // Four callers or so meet at each key.
            let number = next.withLockedValue { count in
                count += 1
                return count / 4
            }
            let value = try await store.getOrSet(["cached", "\(number)"], as: String.self, timeout: .seconds(30)) {
                UUID().uuidString
            }
            _ = seen.withLockedValue { $0[number, default: []].insert(value) }
        } _: { direct, _ in
            for (number, values) in seen.withLockedValue(\.self) {
                let stored = try await direct.get(["cached", "\(number)"], as: String.self)
                #expect(values == [stored ?? ""], "\(number): \(values), stored \(stored ?? "nothing")")
            }
        }
    }
}
