extension KvStore {
    /// Runs a closure while no other, in any process, runs one under the same lock.
    ///
    /// ```swift
    /// try await kv.withLock(["locks", "digest"]) { lock in
    ///     try await sendDigest(fencingNumber: lock.fencingNumber)
    /// }
    /// ```
    ///
    /// The lock is an entry with a token of its holder's, renewed every third of its ttl, and deleted at the end by its
    /// holder alone. If it is lost (it was deleted, or could not be renewed until shortly before its ttl ends), the
    /// body is cancelled. A body that does not react to that at once, or a process that was stopped, may run on beside
    /// the next holder's: see ``KvLock/fencingNumber``.
    ///
    /// After `outcomeUnknown` the token shows what became of a swap, so this error does not reach the caller.
    ///
    /// - Parameters:
    ///   - key: The lock's key: one that is used for nothing else. The last fencing number is kept for ever under a key
    ///     that is longer by 26 Unicode scalars.
    ///   - ttl: How long the lock outlives a holder that has crashed. Well above the time that an operation of the
    ///     store may take.
    ///   - timeout: How long to wait for the lock. Zero: one attempt.
    ///   - body: The work.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws, and ``KvError``: `deadlineExceeded` if others held the lock until the timeout;
    ///   `lockLost` if it was lost before the body had ended, whatever that returned or threw; and what `get` and `cas`
    ///   throw.
    public func withLock<T: Sendable>(
        _ key: KvKey, ttl: Duration = .seconds(30), timeout: Duration = .seconds(30),
        _ body: @escaping @Sendable (KvLock) async throws -> T
    ) async throws -> T {
        var lease = try Lease(self, key, ttl: ttl)
        do {
            let (lock, renewed) = try await acquire(&lease, timeout: timeout)
            let work = Task { try await body(lock) }
            let (result, isLost) = await LeaseKeeper(lease, renewed: renewed) { work.cancel() }.keep {
                try await withTaskCancellationHandler {
                    try await work.value
                } onCancel: {
                    work.cancel()
                }
            }
            guard !isLost else {
                throw KvError(.lockLost, "the lock was lost before the work under it had ended")
            }
            let value = try result.get()
            await lease.release()
            return value
        } catch {
            await lease.release()
            throw error
        }
    }

    /// Acquires a lock and draws its number.
    ///
    /// - Returns: The lock, and a moment before it was renewed last.
    private func acquire(
        _ lease: inout Lease, timeout: Duration
    ) async throws(KvError) -> (KvLock, renewed: ContinuousClock.Instant) {
        var backoff = Backoff(timeout: timeout)
        repeat {
            guard try await lease.acquire() else { continue }
            let number = try await nextFencingNumber(lease.key)
            // Still ours: the number was drawn while no other could have the lock, so numbers grow with its holders.
            let renewed = ContinuousClock.now
            if try await lease.renew() { return (KvLock(key: lease.key, fencingNumber: number), renewed) }
        } while try await backoff.pause()
        throw KvError(.deadlineExceeded, "others held the lock until the timeout", mayHaveBeenApplied: false)
    }

    /// A unique number, larger than all before. A number whose swap has an unknown outcome is skipped.
    private func nextFencingNumber(_ key: KvKey) async throws(KvError) -> Int {
        let key = HelperKeys.fencing(key)
        var backoff = Backoff(timeout: .seconds(10))
        repeat {
            let last = try await get(key)
            let next = try (last?.decode(as: Int.self) ?? 0) + 1
            do {
                if try await cas(key, expected: last, new: JSONValue(integerLiteral: next), ttl: nil) { return next }
            } catch {
                guard error.code == .outcomeUnknown else { throw error }
            }
        } while try await backoff.pause()
        throw KvError(.deadlineExceeded, "no fencing number could be drawn", mayHaveBeenApplied: false)
    }
}

/// A lock that is held, as ``KvStore/withLock(_:ttl:timeout:_:)`` gives it to its body.
public struct KvLock: Sendable, Hashable {
    /// The lock's key.
    public let key: KvKey
    /// A number that is larger than that of every earlier holder of this lock. Let whatever the lock protects refuse a
    /// number smaller than one it has seen: then a holder that was stopped for a while, and continues without knowing
    /// that its lock has ended, does no harm.
    public let fencingNumber: Int
}
