import FedifyMQTesting
import Synchronization
import Testing

@Suite struct ManualClockTests {
    /// Sleeps, and waits until it does.
    private func sleeper(_ clock: ManualClock, _ duration: Duration) async -> Task<ManualClock.Instant, any Error> {
        let sleepers = clock.sleepers
        let task = Task {
            try await clock.sleep(for: duration)
            return clock.now
        }
        while clock.sleepers == sleepers { await Task.yield() }
        return task
    }

    @Test func sleepersWakeWhenTheirTimeHasCome() async throws {
        let clock = ManualClock()
        let begun = clock.now
        let (long, short) = (await sleeper(clock, .seconds(2)), await sleeper(clock, .seconds(1)))
        clock.advance(by: .seconds(1) - .nanoseconds(1))
        #expect(clock.sleepers == 2)
        clock.advance(by: .nanoseconds(1))
        #expect(begun.duration(to: try await short.value) == .seconds(1))
        #expect(clock.sleepers == 1)
        clock.advance(by: .seconds(10))
        #expect(begun.duration(to: try await long.value) == .seconds(11))
    }

    @Test func whatIsPastIsNotWaitedFor() async throws {
        let clock = ManualClock()
        let deadline = clock.now
        try await clock.sleep(until: deadline)
        clock.advance(by: .seconds(1))
        try await clock.sleep(until: deadline)
        try await clock.sleep(for: .zero)
        #expect(deadline.duration(to: clock.now) == .seconds(1))
    }

    @Test func aCancelledSleeperWakes() async throws {
        let clock = ManualClock()
        let task = await sleeper(clock, .seconds(1))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(clock.sleepers == 0)
        let cancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await clock.sleep(for: .seconds(1))
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
    }
}
