/// An entry that one of any number of callers has for a time. It holds a token of the caller's own, and its ttl ends it
/// if the caller can't.
///
/// No other caller writes the token, so that the outcome of a compare-and-swap can always be found out, and a swap from
/// or to the token can be tried again.
struct Lease: Sendable {
    let store: any KvStore
    let key: KvKey
    let ttl: Duration
    private let token: JSONValue
    /// An attempt to acquire it ended without an answer: it may have been carried out, or may yet be.
    private var mayBeOurs = false

    init(_ store: any KvStore, _ key: KvKey, ttl: Duration) throws(KvError) {
        guard ttl > .zero else { throw KvError(.invalidTTL, "a lock's ttl must be more than zero") }
        self.store = store
        self.key = key
        self.ttl = ttl
        var random = SystemRandomNumberGenerator()
        token = JSONValue(stringLiteral: String(random.next(), radix: 36) + "-" + String(random.next(), radix: 36))
    }

    /// One attempt to acquire it.
    ///
    /// - Returns: Whether it is ours.
    /// - Throws: ``KvError``, but not `outcomeUnknown`. The lease must be released all the same.
    mutating func acquire() async throws(KvError) -> Bool {
        do {
            if try await store.cas(key, expected: nil, new: token, ttl: ttl) {
                mayBeOurs = true
                return true
            }
            // An earlier attempt may have been carried out.
            return mayBeOurs ? try await renew() : false
        } catch {
            guard error.code == .outcomeUnknown else { throw error }
            mayBeOurs = true
            return try await renew()
        }
    }

    /// Begins its time again.
    ///
    /// - Returns: Whether it is still ours; false also if that can't be found out.
    /// - Throws: ``KvError``, but not `outcomeUnknown`.
    func renew() async throws(KvError) -> Bool {
        for _ in 0..<3 {
            do {
                return try await store.cas(key, expected: token, new: token, ttl: ttl)
            } catch {
                guard error.code == .outcomeUnknown else { throw error }
            }
        }
        return false
    }

    /// Deletes the entry, if it may be ours, also for a task that was cancelled. What fails is left to the ttl.
    func release() async {
        guard mayBeOurs else { return }
        await Task { await delete() }.value
    }

    private func delete() async {
        for _ in 0..<3 {
            do {
                _ = try await store.cas(key, expected: token, new: nil, ttl: nil)
                return
            } catch {
                guard error.code == .outcomeUnknown || error.isRetryable else { return }
            }
        }
    }
}
