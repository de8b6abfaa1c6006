import FedifyKv
import Synchronization
import Testing

/// Helpers over a store whose answers are lost.
@Suite struct HelperTests {
    /// A store whose compare-and-swaps on some keys end without an answer, a number of times.
    private final class Unanswered: KvStore {
        enum Truth: CaseIterable { case applied, notApplied, appliedLater }

        let memory = MemoryKvStore()
        private let truth: Truth
        private let left: Mutex<Int>
        private let concerns: @Sendable (KvKey, JSONValue?, JSONValue?) -> Bool
        /// A swap that is carried out at the next read.
        private let late = Mutex<(@Sendable () async throws -> Void)?>(nil)

        init(
            _ truth: Truth, times: Int = 1,
            _ concerns: @escaping @Sendable (KvKey, JSONValue?, JSONValue?) -> Bool = { _, _, _ in true }
        ) {
            self.truth = truth
            left = Mutex(times)
            self.concerns = concerns
        }

        var unanswered: Int { left.withLock { $0 } }

        func get(_ key: KvKey) async throws(KvError) -> JSONValue? {
            let value = try await memory.get(key)
            let swap = late.withLock { late in
                defer { late = nil }
                return late
            }
            do { try await swap?() } catch { throw KvError(wrapping: error) }
            return value
        }

        func set(_ key: KvKey, _ value: JSONValue, ttl: Duration?) async throws(KvError) {
            try await memory.set(key, value, ttl: ttl)
        }

        func delete(_ key: KvKey) async throws(KvError) { try await memory.delete(key) }

        func cas(_ key: KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?) async throws(KvError) -> Bool {
            let isAnswered =
                !concerns(key, expected, new)
                || left.withLock { left in
                    left -= 1
                    return left < 0
                }
            if isAnswered { return try await memory.cas(key, expected: expected, new: new, ttl: ttl) }
            switch truth {
            case .applied: _ = try await memory.cas(key, expected: expected, new: new, ttl: ttl)
            case .notApplied: break
            case .appliedLater:
                late.withLock { late in
                    late = { [memory] in _ = try await memory.cas(key, expected: expected, new: new, ttl: ttl) }
                }
            }
            throw KvError(.outcomeUnknown, "no answer")
        }

        func list(prefix: KvKey) -> KvEntries { memory.list(prefix: prefix) }
    }

    // MARK: - update

    /// A counter's value may come from another's step: nothing is guessed.
    @Test(arguments: Unanswered.Truth.allCases)
    private func aCountersUpdateReportsAnUnknownOutcome(_ truth: Unanswered.Truth) async throws {
        let kv = Unanswered(truth)
        let error = await #expect(throws: KvError.self) {
            try await kv.update(["n"], as: Int.self) { ($0 ?? 0) + 1 }
        }
        #expect(error?.code == .outcomeUnknown)
    }

    @Test(arguments: Unanswered.Truth.allCases, [1, 3])
    private func uniqueValuesAreReadBack(_ truth: Unanswered.Truth, _ times: Int) async throws {
        let kv = Unanswered(truth, times: times)
        let calls = Mutex(0)
        let value = try await kv.update(["v"], as: String.self, valuesAreUnique: true) { _ in
            calls.withLock { $0 += 1 }
            return "unique"
        }
        #expect(value == "unique")
        #expect(try await kv.memory.get(["v"], as: String.self) == "unique")
        #expect(calls.withLock { $0 } == 1)
    }

    @Test func aThirdValueDecidesNothing() async throws {
        let kv = Unanswered(.applied)
        let error = await #expect(throws: KvError.self) {
            try await kv.update(["v"], as: String.self, valuesAreUnique: true) { old in
                if old == nil { try await kv.set(["v"], "another's") }
                return "unique"
            }
        }
        #expect(error?.code == .outcomeUnknown)
    }

    @Test(arguments: Unanswered.Truth.allCases)
    private func nothingDependsOnAnUpdateThatChangesNothing(_ truth: Unanswered.Truth) async throws {
        let kv = Unanswered(truth)
        try await kv.set(["n"], 1)
        #expect(try await kv.update(["n"], as: Int.self) { $0 ?? 0 } == 1)
    }

    @Test func contentionEndsAtTheTimeout() async throws {
        let kv = MemoryKvStore()
        let error = await #expect(throws: KvError.self) {
            try await kv.update(["n"], as: Int.self, timeout: .milliseconds(50)) { old in
                try await kv.set(["n"], (old ?? 0) + 10)
                return 1
            }
        }
        #expect(error?.code == .deadlineExceeded && error?.mayHaveBeenApplied == false)
    }

    @Test @MainActor func theClosureRunsWhereItsCallerDoes() async throws {
        let kv = MemoryKvStore()
        var seen = 0
        try await kv.update(["n"], as: Int.self) { old in
            seen += 1
            MainActor.assertIsolated()
            return seen
        }
        _ = try await kv.getOrSet(["m"], as: Int.self) {
            MainActor.assertIsolated()
            seen += 1
            return seen
        }
        #expect(seen == 2)
    }

    // MARK: - getOrSet and withLock

    @Test(arguments: Unanswered.Truth.allCases, [1, 2, 4])
    private func aProducerSeesThroughUnknownOutcomes(_ truth: Unanswered.Truth, _ times: Int) async throws {
        let kv = Unanswered(truth, times: times)
        let calls = Mutex(0)
        let value = try await kv.getOrSet(["v"], as: Int.self) {
            calls.withLock { $0 += 1 }
            return 7
        }
        #expect(value == 7 && calls.withLock { $0 } == 1)
        #expect(try await kv.memory.get(["v"], as: Int.self) == 7)
    }

    @Test(arguments: Unanswered.Truth.allCases, [1, 2, 3, 4, 5])
    private func aLockSeesThroughUnknownOutcomes(_ truth: Unanswered.Truth, _ times: Int) async throws {
        let kv = Unanswered(truth, times: times)
        let number = try await kv.withLock(["lock"], timeout: .seconds(5)) { lock in
            let holder = try await kv.memory.get(["lock"])
            #expect(holder != nil)
            return lock.fencingNumber
        }
        #expect(number >= 1)
        let next = try await kv.memory.withLock(["lock"], ttl: .seconds(1)) { $0.fencingNumber }
        #expect(next > number)
    }

    /// The renewal of a lock that is not answered is retried, and doesn't lose the lock.
    @Test func anUnansweredRenewalIsNoLoss() async throws {
        let kv = Unanswered(.applied, times: 5) { _, expected, new in expected != nil && expected == new }
        let isDone = try await kv.withLock(["lock"], ttl: .milliseconds(200), timeout: .seconds(5)) { _ in
            while kv.unanswered > 0 { try await Task.sleep(for: .milliseconds(5)) }
            return true
        }
        #expect(isDone)
    }

    /// A lock that can't be renewed: the body is cancelled before another can have it.
    @Test func theBodyIsCancelledBeforeAnotherHolderBegins() async throws {
        let renewals = Mutex(0)
        // The first renewal belongs to the acquisition.
        let kv = Unanswered(.notApplied, times: .max) { _, expected, new in
            guard expected != nil, expected == new else { return false }
            return renewals.withLock { renewals in
                renewals += 1
                return renewals > 1
            }
        }
        let isOurs = Mutex(false)
        let error = await #expect(throws: KvError.self) {
            try await kv.withLock(["lock"], ttl: .seconds(2)) { _ in
                try? await Task.sleep(for: .seconds(60))
                let holder = try await kv.memory.get(["lock"])
                isOurs.withLock { $0 = holder != nil }
            }
        }
        #expect(error?.code == .lockLost)
        #expect(isOurs.withLock { $0 })
    }

    @Test func aWaiterThatIsCancelledLeavesNothing() async throws {
        let kv = MemoryKvStore()
        try await kv.set(["_fedify_kv", "lease", "v"], "another's")
        try await kv.set(["lock"], "another's")
        let producing = Task { try await kv.getOrSet(["v"], as: Int.self) { 1 } }
        let locking = Task { try await kv.withLock(["lock"]) { _ in } }
        producing.cancel()
        locking.cancel()
        let errors = [
            await #expect(throws: KvError.self) { _ = try await producing.value },
            await #expect(throws: KvError.self) { try await locking.value },
        ]
        #expect(errors.map { $0?.code } == [.cancelled, .cancelled])
        var keys: [KvKey] = []
        for try await entry in kv.list() { keys.append(entry.key) }
        #expect(keys == [["_fedify_kv", "lease", "v"], ["lock"]])
    }

    /// While a cancelled body takes its time to end, its lock is still renewed; then it is free.
    @Test func aCancelledBodyKeepsItsLockUntilItHasEnded() async throws {
        let kv = MemoryKvStore()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let holder = Task {
            try await kv.withLock(["lock"], ttl: .milliseconds(60)) { _ in
                begin.finish()
                try? await Task.sleep(for: .seconds(60))
                // Longer than the ttl, and deaf to the cancellation.
                await Task { try? await Task.sleep(for: .milliseconds(200)) }.value
                return try await kv.get(["lock"]) != nil
            }
        }
        for await _ in begun {}
        holder.cancel()
        #expect(try await holder.value)
        #expect(try await kv.get(["lock"]) == nil)
    }

    @Test func aLockNeedsATTL() async throws {
        let error = await #expect(throws: KvError.self) {
            try await MemoryKvStore().withLock(["lock"], ttl: .zero) { _ in }
        }
        #expect(error?.code == .invalidTTL)
    }
}
