extension KvStore {
    /// Reads a value, computes a new one from it, and stores that by compare-and-swap. If the entry was changed in the
    /// meantime, it starts again with the new value, so no update is lost, even with many processes.
    ///
    /// ```swift
    /// let count = try await kv.update(["visits"], as: Int.self) { ($0 ?? 0) + 1 }
    /// ```
    ///
    /// If the store can't say whether a swap took place (`outcomeUnknown`), reading the key decides only where no other
    /// write can have stored the same value: if a counter is 6 now, someone else's step may have led there. So by default
    /// the error reaches the caller, unless the new value is equal to the old one, when nothing depends on it. With
    /// `valuesAreUnique` the key is read: the new value is there, and the update is done; or the old value is, and the
    /// swap is tried again; or a third one is, and the error reaches the caller.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - type: The type of the value.
    ///   - ttl: How long the entry lives from now on; nil: for ever.
    ///   - timeout: How long to try while others change the entry.
    ///   - valuesAreUnique: No two writes of this key ever store equal values, for example as each has a random identifier
    ///     of its own in it.
    ///   - isolation: The caller's, where the closure runs.
    ///   - transform: Computes the new value; nil: there is no entry. It may be called several times. What it throws
    ///     changes nothing, and is thrown to the caller.
    /// - Returns: The new value.
    /// - Throws: What the closure throws, and ``KvError``: `deadlineExceeded` if others changed the entry until the timeout;
    ///   `outcomeUnknown`, see above; `decodingFailed`; and what `get` and `cas` throw.
    @discardableResult
    public func update<T: Codable & Sendable>(
        _ key: KvKey, as type: T.Type = T.self, ttl: Duration? = nil, timeout: Duration = .seconds(10),
        valuesAreUnique: Bool = false, isolation: isolated (any Actor)? = #isolation,
        _ transform: (T?) async throws -> T
    ) async throws -> T {
        let coding = coding
        var backoff = Backoff(timeout: timeout)
        var swaps = 0
        while true {
            let old = try await get(key)
            let value = try await transform(old?.decode(as: type, coding: coding))
            let new = try JSONValue(encoding: value, coding: coding)
            do {
                if try await cas(key, expected: old, new: new, ttl: ttl) { return value }
            } catch {
                guard error.code == .outcomeUnknown else { throw error }
                // Where old and new are equal nothing but the expiry depends on it: the next round sets that.
                if old != new {
                    guard valuesAreUnique else { throw error }
                    try await settle(error, key, old, new, ttl, &backoff)
                    return value
                }
            }
            swaps += 1
            guard try await backoff.pause() else { break }
        }
        throw KvError(
            .deadlineExceeded, "the entry was changed by others during each of \(swaps) attempts at an update",
            mayHaveBeenApplied: false)
    }

    /// Finds out what became of a swap, and carries it out if it was not. Returns if the new value was stored.
    ///
    /// The swap may still be carried out by the server later on. As no value comes twice, that does no harm: it then finds
    /// another value than it expects.
    private func settle(
        _ unknown: KvError, _ key: KvKey, _ old: JSONValue?, _ new: JSONValue, _ ttl: Duration?,
        _ backoff: inout Backoff
    ) async throws(KvError) {
        while true {
            do {
                let present = try await get(key)
                if present == new { return }
                if present != old { break }
                if try await cas(key, expected: old, new: new, ttl: ttl) { return }
            } catch {
                // That the key can't be read now says nothing of the swap.
                guard error.code == .outcomeUnknown || error.isRetryable else { break }
            }
            guard (try? await backoff.pause()) == true else { break }
        }
        throw unknown
    }
}
