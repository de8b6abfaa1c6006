import FedifyKv

extension KvStoreContract {
    /// Long enough to be alive at the next look, short enough to wait for.
    private static let life: Duration = .milliseconds(400)

    func checkTimeToLive(_ promises: Promises) async throws {
        let key = key("ttl")
        let one = KvValue(trusted: "1")
        let two = KvValue(trusted: "2")

        try await store.set(key, one, ttl: .seconds(3600))
        promises.expect("an entry lives until its ttl has passed", try await store.get(key), one)
        try await store.set(key, one, ttl: .nanoseconds(1))
        try await untilGone(key, "an entry is gone when its ttl has passed", promises)

        try await store.set(key, one, ttl: Self.life)
        try await store.set(key, two, ttl: nil)
        try await pass(Self.life * 2)
        promises.expect("set without a ttl clears the expiry", try await store.get(key), two)

        for gone in [Duration.zero, .nanoseconds(1)] {
            try await store.set(key, one, ttl: gone)
            if gone > .zero { try await untilGone(key, "an entry is gone when its ttl has passed", promises) }
            promises.expect("an expired entry has no value", try await store.get(key), nil)
            promises.expect("an expired entry is not listed", try await listed(key), [])
            promises.expect(
                "an expired entry is not what a cas expects", try await store.cas(key, expected: one, new: two), false)
            promises.expect(
                "an expired entry is absent for a cas", try await store.cas(key, expected: nil, new: two), true)
            promises.expect("a cas over an expired entry stores its value", try await store.get(key), two)
            try await pass(.milliseconds(1))
            promises.expect("a cas without a ttl stores for ever", try await store.get(key), two)
        }

        let swapped = try await store.cas(key, expected: two, new: one, ttl: .nanoseconds(1))
        promises.expect("a cas takes a ttl", swapped, true)
        try await untilGone(key, "an entry stored by cas is gone when its ttl has passed", promises)
        let born = try await store.cas(key, expected: nil, new: one, ttl: .zero)
        promises.expect("a cas takes a ttl of zero", born, true)
        promises.expect("an entry stored by cas with a ttl of zero is absent", try await store.get(key), nil)

        try await store.set(key, one)
        for bad in [Duration.nanoseconds(-1), .seconds(-3600), .seconds(300_000_000_000), .seconds(Int64.max)] {
            await promises.refuses("a ttl that is negative or past the year 9999 is refused by set", .invalidTTL) {
                try await store.set(key, two, ttl: bad)
            }
            await promises.refuses("a ttl that is negative or past the year 9999 is refused by cas", .invalidTTL) {
                _ = try await store.cas(key, expected: one, new: two, ttl: bad)
            }
        }
        promises.expect("a refused ttl changes nothing", try await store.get(key), one)

        // A cas that loses leaves value and expiry as they are.
        try await store.set(key, one, ttl: Self.life)
        _ = try await store.cas(key, expected: two, new: two, ttl: .seconds(3600))
        _ = try await store.cas(key, expected: nil, new: two)
        try await untilGone(key, "a cas that loses does not change the expiry", promises)
    }

    func listed(_ prefix: KvKey) async throws -> [KvKey] {
        var keys: [KvKey] = []
        for try await entry in store.list(prefix: prefix) { keys.append(entry.key) }
        return keys
    }

    /// Lets time pass until the key has no value, for as long as a slow machine may take.
    private func untilGone(_ key: KvKey, _ promise: String, _ promises: Promises) async throws {
        for _ in 0..<1000 {
            if try await store.get(key) == nil { return }
            try await pass(.milliseconds(10))
        }
        promises.expect(promise, try await store.get(key), nil)
    }
}
