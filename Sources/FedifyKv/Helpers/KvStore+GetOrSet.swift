extension KvStore {
    /// The value of a key, or, if there is none, the one that a closure produces, which is stored.
    ///
    /// ```swift
    /// let actor = try await kv.getOrSet(["actors", url], as: Actor.self, ttl: .seconds(3600)) { try await fetch(url) }
    /// ```
    ///
    /// Of any number of callers, in any number of processes, one produces as a rule; the others wait for its result. The
    /// producer holds a lease, an entry of its own that it renews. If it fails or ends, the next caller produces. (Two may
    /// produce if the producer can't reach the store until its lease has ended; the first value that is stored stays.)
    ///
    /// - Parameters:
    ///   - key: The key. The lease's key is longer by 24 Unicode scalars.
    ///   - type: The type of the value. It may be an optional: a stored JSON null is a value.
    ///   - ttl: How long the entry lives; nil: for ever.
    ///   - lease: The ttl of the producer's lease: how long the other callers wait before one of them takes over from a
    ///     producer that has stopped renewing it, for example because its process has crashed.
    ///   - timeout: How long to wait for another's result.
    ///   - isolation: The caller's, where the closure runs.
    ///   - produce: Produces the value. What it throws is thrown to this caller alone.
    /// - Returns: The value.
    /// - Throws: What the closure throws, and ``KvError``: `deadlineExceeded` if another produces for longer than the
    ///   timeout; `decodingFailed`; and what `get` and `cas` throw, but not `outcomeUnknown`.
    public func getOrSet<T: Codable & Sendable>(
        _ key: KvKey, as type: T.Type = T.self, ttl: Duration? = nil, lease: Duration = .seconds(10),
        timeout: Duration = .seconds(30), isolation: isolated (any Actor)? = #isolation,
        _ produce: () async throws -> T
    ) async throws -> T {
        var lease = try Lease(self, HelperKeys.lease(key), ttl: lease)
        do {
            let value = try await getOrProduce(key, ttl, &lease, timeout: timeout, produce)
            await lease.release()
            return value
        } catch {
            await lease.release()
            throw error
        }
    }

    /// Waits for the value, or produces it under the lease.
    private func getOrProduce<T: Codable & Sendable>(
        _ key: KvKey, _ ttl: Duration?, _ lease: inout Lease, timeout: Duration,
        isolation: isolated (any Actor)? = #isolation, _ produce: () async throws -> T
    ) async throws -> T {
        var backoff = Backoff(timeout: timeout)
        repeat {
            if let value = try await get(key, as: T.self) { return value }
            let begun = ContinuousClock.now
            guard try await lease.acquire() else { continue }
            // The last producer may have stored its value just before.
            if let value = try await get(key, as: T.self) { return value }
            let keeper = LeaseKeeper(lease, renewed: begun) {}
            return try await keeper.keep { try await store(produce(), key, ttl) }.result.get()
        } while try await backoff.pause()
        throw KvError(
            .deadlineExceeded, "another caller was producing the value until the timeout", mayHaveBeenApplied: false)
    }

    /// Stores a value if the key has none.
    ///
    /// - Returns: The value that the key has afterwards.
    private func store<T: Codable & Sendable>(_ value: T, _ key: KvKey, _ ttl: Duration?) async throws -> T {
        let new = try JSONValue(encoding: value, coding: coding)
        var backoff = Backoff(timeout: .seconds(10))
        repeat {
            do {
                if try await cas(key, expected: nil, new: new, ttl: ttl) { return value }
            } catch {
                // It may have been stored: the read below shows it. If the key has no value, the swap is tried again.
                guard error.code == .outcomeUnknown else { throw error }
            }
            if let present = try await get(key, as: T.self) { return present }
        } while try await backoff.pause()
        // Each time the value of another caller had expired before it was read.
        return value
    }
}
