import FedifyKv

extension KvStoreContract {
    private static let one = JSONValue(uncheckedJSON: "1")
    private static let two = JSONValue(uncheckedJSON: "2")
    /// The shortest life.
    private static let instant = Duration.nanoseconds(1)
    /// A life that is waited for.
    private static let life = Duration.milliseconds(100)
    private static let hour = Duration.seconds(3600)
    private static let year = Duration.seconds(31_556_952)
    private static let expires = "an entry is gone when its ttl has passed"

    func checkExpiry(_ recorder: ContractRecorder) async throws {
        let (key, one, two) = (key("ttl"), Self.one, Self.two)
        try await store.set(key, one, ttl: Self.hour)
        try await passLife(recorder)
        await recorder.expect("an entry lives until its ttl has passed", try await store.get(key), one)
        try await store.set(key, two, ttl: Self.life)
        try await untilGone(key, Self.expires, recorder)
        try await store.set(key, one, ttl: Self.hour)
        await recorder.succeeds("a ttl of a nanosecond is taken") {
            try await store.set(key, one, ttl: Self.instant)
        }
        try await untilGone(key, "a later ttl takes the place of an earlier one", recorder)

        try await store.set(key, one, ttl: Self.life)
        try await store.set(key, two)
        try await passLife(recorder)
        await recorder.expect("set without a ttl clears the expiry", try await store.get(key), two)
        await recorder.expect("a ttl of zero is as a delete", try await stored(key, one, ttl: .zero), nil)
        await recorder.expect(
            "a ttl that ends before the year 10000 is taken", try await stored(key, one, ttl: Self.year * 7000), one)
    }

    func checkExpiredEntries(_ recorder: ContractRecorder) async throws {
        let (key, one, two) = (key("expired"), Self.one, Self.two)
        for ttl in [.zero, Self.instant] {
            func expire() async throws {
                try await store.set(key, one, ttl: ttl)
                if ttl > .zero { try await untilGone(key, Self.expires, recorder) }
            }
            try await expire()
            await recorder.expect("an expired entry has no value", try await store.get(key), nil)
            await recorder.expect("an expired entry is not listed", try await listed(key), [])
            for new in [two, nil] {
                await recorder.expect(
                    "an expired entry is not what a cas expects", try await store.cas(key, expected: one, new: new),
                    false)
            }
            await recorder.expect(
                "an expired entry is absent for a cas to absence", try await store.cas(key, expected: nil, new: nil),
                true)
            await recorder.expect(
                "an expired entry is absent for a cas", try await store.cas(key, expected: nil, new: two), true)
            try await passLife(recorder)
            await recorder.expect("a cas over an expired entry stores for ever", try await store.get(key), two)
            try await expire()
            try await store.set(key, two)
            await recorder.expect("set works over an expired entry", try await store.get(key), two)
            try await expire()
            try await store.delete(key)
            await recorder.expect("delete works on an expired entry", try await store.get(key), nil)
        }
    }

    func checkInvalidTimesToLive(_ recorder: ContractRecorder) async throws {
        let (key, absent, one, two) = (key("invalid ttl"), key("invalid ttl", "absent"), Self.one, Self.two)
        try await store.set(key, one)
        let past9999 = [Self.year * 7990, Self.year * 10_000, .seconds(Int64.max)]
        for ttl in [.nanoseconds(-1), .zero - Self.hour, .seconds(Int64.min)] + past9999 {
            let promise = "a ttl that is negative or past the year 9999 is refused by"
            await recorder.refuses("\(promise) set", .invalidTTL) { try await store.set(key, two, ttl: ttl) }
            await recorder.refuses("\(promise) cas", .invalidTTL) {
                _ = try await store.cas(key, expected: one, new: two, ttl: ttl)
            }
            await recorder.refuses("\(promise) cas", .invalidTTL) {
                _ = try await store.cas(absent, expected: nil, new: two, ttl: ttl)
            }
        }
        await recorder.expect("a refused ttl changes nothing", try await store.get(key), one)
        await recorder.expect("a refused ttl changes nothing", try await store.get(absent), nil)
    }

    func checkSwappedExpiry(_ recorder: ContractRecorder) async throws {
        let (key, one, two) = (key("swapped"), Self.one, Self.two)
        let casExpires = "an entry stored by cas is gone when its ttl has passed"
        for (expected, new) in [(nil, one), (one, two), (one, one)] as [(JSONValue?, JSONValue)] {
            for ttl in [.zero, Self.instant] {
                if let expected { try await store.set(key, expected) } else { try await store.delete(key) }
                await recorder.expect(
                    "a cas takes a ttl", try await store.cas(key, expected: expected, new: new, ttl: ttl), true)
                if ttl == .zero {
                    await recorder.expect(
                        "an entry stored by cas with a ttl of zero is absent", try await store.get(key), nil)
                } else {
                    try await untilGone(key, casExpires, recorder)
                }
            }
        }

        try await store.set(key, one)
        for expected in [two, nil] {
            await recorder.expect(
                "another value is not swapped",
                try await store.cas(key, expected: expected, new: two, ttl: Self.instant), false)
        }
        try await passLife(recorder)
        await recorder.expect("a cas that loses sets no expiry", try await store.get(key), one)

        try await beforeExpiry("a cas without a ttl clears the expiry", recorder) { life in
            try await store.set(key, one, ttl: life)
            return try await store.cas(key, expected: one, new: two)
        } after: { promise in
            await recorder.expect(promise, try await store.get(key), two)
        }
        try await beforeExpiry("a cas that loses leaves the expiry as it is", recorder) { life in
            try await store.set(key, one, ttl: life)
            for (expected, ttl) in [(two, Self.hour), (two, nil), (nil, Self.hour), (nil, nil)] {
                _ = try await store.cas(key, expected: expected, new: two, ttl: ttl)
            }
            return try await store.get(key) == one
        } after: { promise in
            await recorder.expect(promise, try await store.get(key), nil)
        }
    }

    /// Runs what must be done before an entry expires, with longer and longer lives until it was quick enough (true).
    /// Reads the entry after it has expired.
    private func beforeExpiry(
        _ promise: String, _ recorder: ContractRecorder, do attempt: (Duration) async throws -> Bool,
        after look: (String) async throws -> Void
    ) async throws {
        var life = Self.life
        for _ in 0..<3 {
            if try await attempt(life) {
                try await passLife(recorder, life)
                return try await look(promise)
            }
            life *= 6
        }
        await recorder.expect("\(promise), and the entry lives", false, true)
    }

    /// Lets time pass until an entry would be gone that was stored for this long before.
    private func passLife(_ recorder: ContractRecorder, _ life: Duration = life) async throws {
        let witness = key("witness")
        try await store.set(witness, .null, ttl: life)
        try await untilGone(witness, Self.expires, recorder)
    }

    /// Lets time pass until the key has no value, for as long as a slow machine may take.
    private func untilGone(_ key: KvKey, _ promise: String, _ recorder: ContractRecorder) async throws {
        for _ in 0..<1000 {
            if try await store.get(key) == nil { return }
            try await advanceTime(.milliseconds(10))
        }
        await recorder.expect(promise, try await store.get(key), nil)
    }
}
