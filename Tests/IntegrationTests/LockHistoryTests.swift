import FedifyKv
import FedifyMySQL
import NIOConcurrencyHelpers
import Testing

/// The observations of a lock's holders in several tasks and processes.
@Suite(.serialized) struct LockHistoryTests {
    /// The actions of the bodies under the locks.
    private struct State {
        var holders: [KvKey: Int] = [:]
        var numbers: [KvKey: [Int]] = [:]
        var overlaps = 0
        var errors: [KvError.Code: Int] = [:]
    }

    private final class History: Sendable {
        private let state = NIOLockedValueBox(State())

        var count: Int { state.withLockedValue { $0.numbers.values.reduce(0) { $0 + $1.count } } }

        /// Tasks that take one of a few locks in turn, on one of the stores.
        func record(
            _ stores: [any KvStore], tasks: Int, until isOver: @escaping @Sendable () -> Bool
        ) async throws {
            try await withThrowingTaskGroup { group in
                for task in 0..<tasks {
                    let store = stores[task % stores.count]
                    group.addTask {
                        while !isOver() {
                            let key: KvKey = ["lock", "\(Int.random(in: 0..<3))"]
                            do {
                                try await store.withLock(key, ttl: .seconds(10), timeout: .seconds(30)) { lock in
                                    self.enter(lock)
                                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...5)))
                                    self.leave(key)
                                }
                            } catch let error as KvError {
                                self.failed(error)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private func enter(_ lock: KvLock) {
            state.withLockedValue { state in
                state.holders[lock.key, default: 0] += 1
                if state.holders[lock.key] != 1 { state.overlaps += 1 }
                state.numbers[lock.key, default: []].append(lock.fencingNumber)
            }
        }

        private func leave(_ key: KvKey) {
            state.withLockedValue { $0.holders[key, default: 0] -= 1 }
        }

        private func failed(_ error: KvError) {
            state.withLockedValue { $0.errors[error.code, default: 0] += 1 }
        }

        func expectExclusion() {
            state.withLockedValue { state in
                #expect(state.overlaps == 0)
                for (key, numbers) in state.numbers {
                    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(key)")
                }
                let allowed: Set<KvError.Code> = [.deadlineExceeded, .connectionFailed, .lockLost, .overloaded]
                #expect(Set(state.errors.keys).isSubset(of: allowed), "\(state.errors)")
            }
        }
    }

    @Test(arguments: try await TestServer.all)
    func oneHolderAtATime(_ server: TestServer) async throws {
        try await server.withStore(poolSize: 4) { kv, _ in
            let others = try (0..<2).map { _ in try MySQLKvStore(server.pool(2), options: kv.options) }
            let history = History()
            try await history.record([kv] + others, tasks: 30) { history.count >= 400 }
            history.expectExclusion()
            for other in others { await other.pool.close() }
        }
    }

    /// Answers are lost on the way: what became of a swap is read from its token.
    @Test(arguments: try await Fault.onEachServer(HelperFaultTests.faults))
    func oneHolderAtATimeUnderFaults(_ server: TestServer, _ fault: Fault) async throws {
        try await FaultScene.with(server, deadline: fault.deadline, callers: 4) { scene in
            let history = History()
            try await scene.run(under: fault, steps: 10) { isOver in
                try await history.record(scene.stores, tasks: 16, until: isOver)
            } progress: {
                history.count
            }
            history.expectExclusion()
        }
    }
}
