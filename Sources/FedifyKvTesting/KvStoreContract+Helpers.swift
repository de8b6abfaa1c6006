import FedifyKv
import Synchronization

extension KvStoreContract {
    /// How long a check waits for a lock or a result: long for a slow machine, not for ever for a broken store.
    private static let timeout = Duration.seconds(5)

    func checkUpdate(_ recorder: ContractRecorder) async throws {
        let key = key("update")
        await recorder.expect(
            "an update of an absent entry gets nil", try await store.update(key, as: [Int?].self) { [$0?.count] }, [nil]
        )
        await recorder.expect(
            "an update gets the present value", try await store.update(key, as: [Int?].self) { [$0?.count] }, [1])
        await recorder.expect("an update stores its value", try await store.get(key, as: [Int].self), [1])
        await recorder.throwsThrown("an update rethrows what its closure throws") {
            try await store.update(key, as: [Int].self) { _ in throw ContractRecorder.Thrown() }
        }
        await recorder.expect(
            "an update whose closure throws changes nothing", try await store.get(key, as: [Int].self), [1])
        try await store.update(key, as: [Int].self, ttl: .zero) { _ in [2] }
        await recorder.expect("an update takes a ttl", try await store.get(key), nil)

        let counter = self.key("update", "counter")
        let (tasks, steps) = (max(2, concurrency / 8), iterations)
        try await withThrowingTaskGroup { group in
            for _ in 0..<tasks {
                group.addTask {
                    for _ in 0..<steps {
                        try await store.update(counter, as: Int.self, timeout: .seconds(30)) { ($0 ?? 0) + 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        await recorder.expect(
            "no update is lost", try await store.get(counter, as: Int.self), tasks * steps)
    }

    func checkGetOrSet(_ recorder: ContractRecorder) async throws {
        let key = key("produced")
        let produced = Counter()
        func produce(_ value: Int?) async throws -> Int? {
            try await store.getOrSet(key, as: Int?.self, timeout: Self.timeout) {
                produced.increment()
                return value
            }
        }
        await recorder.expect("an absent value is produced", try await produce(nil), nil)
        await recorder.expect("a stored null is a value that is not produced again", try await produce(1), nil)
        await recorder.expect("a stored null is a value that is not produced again", produced.value, 1)
        try await store.delete(key)
        await recorder.throwsThrown("getOrSet rethrows what its closure throws") {
            _ = try await store.getOrSet(key, as: Int?.self, timeout: Self.timeout) { throw ContractRecorder.Thrown() }
        }
        await recorder.expect("a producer that fails stores nothing", try await store.get(key), nil)
        await recorder.expect("after a producer that failed the next one produces", try await produce(2), 2)

        let others = Counter()
        let raced = self.key("produced", "race")
        let seen = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 1...concurrency {
                group.addTask {
                    try await store.getOrSet(raced, as: Int.self, timeout: .seconds(30)) {
                        others.increment()
                        // Another producer, if there can be one: tasks alone may well run one after the other.
                        _ = try? await store.getOrSet(raced, as: Int.self, timeout: .zero) {
                            others.increment()
                            return task
                        }
                        return task
                    }
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        await recorder.expect("of \(concurrency) tasks one produces", others.value, 1)
        await recorder.expect("all tasks get the value that one produced", seen.count, 1)
        let gone = self.key("produced", "gone")
        try await store.set(HelperKeys.lease(gone), "gone", ttl: .milliseconds(100))
        await checkGone("a producer that is gone", recorder) {
            _ = try await store.getOrSet(gone, as: Int.self, timeout: Self.timeout) { 1 }
        }
    }

    func checkLock(_ recorder: ContractRecorder) async throws {
        let key = key("lock")
        try await store.withLock(key, timeout: Self.timeout) { _ in }
        let left = try await store.get(key)
        await recorder.expect("a lock is free after its holder has ended", left, nil)
        // All others would wait for it.
        guard left == nil else { return }
        let log = LockLog()
        let tasks = min(concurrency, 16)
        try await withThrowingTaskGroup { group in
            for _ in 0..<tasks {
                group.addTask {
                    try await store.withLock(key, timeout: .seconds(30)) { lock in
                        log.enter(lock)
                        // Another holder, if there can be one: tasks alone may well run one after the other.
                        try? await store.withLock(key, timeout: .zero) { other in
                            log.enter(other)
                            log.leave()
                        }
                        log.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        let (most, numbers) = log.summary
        await recorder.expect("a lock has one holder at a time", most, 1)
        await recorder.expect("fencing numbers grow", zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, true)
        await recorder.throwsThrown("a lock rethrows what its body throws") {
            try await store.withLock(key, timeout: Self.timeout) { _ in throw ContractRecorder.Thrown() }
        }
        await recorder.expect("a lock is free after its body threw", try await store.get(key), nil)
        await recorder.refuses("a lock that is held is waited for until the timeout", .deadlineExceeded) {
            try await store.withLock(key, timeout: Self.timeout) { _ in
                try await store.withLock(key, timeout: .zero) { _ in }
            }
        }
        await recorder.refuses("a holder that loses its lock is told, and its body is cancelled", .lockLost) {
            try await store.withLock(key, ttl: .milliseconds(300), timeout: Self.timeout) { _ in
                try await store.set(key, "another's")
                try await Task.sleep(for: Self.timeout)
            }
        }
        await recorder.expect("a lock is deleted by its holder alone", try await store.get(key), "another's")
        try await store.delete(key)
        try await store.set(key, "gone", ttl: .milliseconds(100))
        await checkGone("a holder that is gone", recorder) {
            try await store.withLock(key, timeout: Self.timeout) { lock in
                log.enter(lock)
            }
        }
        await recorder.expect(
            "fencing numbers grow", log.summary.numbers.last ?? 0 > numbers.last ?? 0, true)
    }

    /// A holder whose ttl passes does not keep others waiting.
    private func checkGone(
        _ holder: String, _ recorder: ContractRecorder, _ operation: @escaping @Sendable () async throws -> Void
    ) async {
        let isOver = Counter()
        await recorder.succeeds("\(holder) is waited for until its ttl has passed") {
            try await withThrowingTaskGroup { group in
                group.addTask {
                    defer { isOver.increment() }
                    try await operation()
                }
                while isOver.value == 0 {
                    try await advanceTime(.milliseconds(10))
                    await Task.yield()
                }
                try await group.waitForAll()
            }
        }
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .acquiring) }

    func increment() { count.add(1, ordering: .acquiringAndReleasing) }
}

/// The observations of a lock's holders.
private final class LockLog: Sendable {
    private let state = Mutex((now: 0, most: 0, numbers: [Int]()))

    var summary: (most: Int, numbers: [Int]) { state.withLock { ($0.most, $0.numbers) } }

    func enter(_ lock: KvLock) {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
            state.numbers.append(lock.fencingNumber)
        }
    }

    func leave() { state.withLock { $0.now -= 1 } }
}
