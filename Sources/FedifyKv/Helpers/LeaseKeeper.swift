import Synchronization

/// Renews a lease every third of its ttl while work is done under it, and reports its loss.
///
/// If the caller's task is cancelled, the lease is still renewed until the work has ended.
final class LeaseKeeper: Sendable {
    private struct State {
        /// Before this time no other caller can have the lease.
        var validUntil: ContinuousClock.Instant
        var isLost = false
    }

    private let lease: Lease
    private let state: Mutex<State>
    private let onLost: @Sendable () -> Void

    /// - Parameters:
    ///   - lease: The lease.
    ///   - renewed: A moment before it was acquired or renewed.
    ///   - onLost: Called when it is lost.
    init(_ lease: Lease, renewed: ContinuousClock.Instant, onLost: @escaping @Sendable () -> Void) {
        self.lease = lease
        self.onLost = onLost
        state = Mutex(State(validUntil: Self.end(of: lease, renewed)))
    }

    /// The lease ends by the server's clock, which may run a little faster.
    private static func end(of lease: Lease, _ renewed: ContinuousClock.Instant) -> ContinuousClock.Instant {
        renewed + lease.ttl * 0.9
    }

    /// Keeps the lease while the work is done.
    ///
    /// - Parameters:
    ///   - isolation: The caller's, where the work is done.
    ///   - work: The work.
    /// - Returns: The result of the work, and whether the lease was lost before it ended.
    func keep<T: Sendable>(
        isolation: isolated (any Actor)? = #isolation, while work: () async throws -> T
    ) async -> (result: Result<T, any Error>, isLost: Bool) {
        let renewing = Task { await self.renew() }
        let watching = Task { await self.watch() }
        let result: Result<T, any Error>
        do {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        renewing.cancel()
        watching.cancel()
        await renewing.value
        await watching.value
        return (result, state.withLock(\.isLost))
    }

    private func renew() async {
        var pause = lease.ttl / 3
        while (try? await Task.sleep(for: pause)) != nil {
            let begun = ContinuousClock.now
            do {
                guard try await lease.renew() else { return lose() }
                state.withLock { $0.validUntil = Self.end(of: lease, begun) }
                pause = lease.ttl / 3
            } catch {
                // Retried sooner, until the lease ends.
                pause = min(lease.ttl / 20, .milliseconds(250)) * Double.random(in: 0.5...1)
            }
        }
    }

    /// The lease may end while a renewal waits for its answer, so the time is watched by a task of its own.
    private func watch() async {
        while (try? await Task.sleep(until: state.withLock(\.validUntil), clock: .continuous)) != nil {
            if state.withLock({ $0.validUntil <= .now }) { return lose() }
        }
    }

    private func lose() {
        // `keep` cancels both tasks once the work has ended: the lease is then not lost, but no longer needed.
        guard !Task.isCancelled else { return }
        state.withLock { $0.isLost = true }
        onLost()
    }
}
