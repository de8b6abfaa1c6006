import FedifyKv
import FedifyKvTesting
import Testing

@Suite struct MemoryKvStoreTests {
    @Test func keepsTheContract() async throws {
        try await KvStoreContract(of: MemoryKvStore()).check()
    }

    @Test func keepsTheContractByAClockThatATestMoves() async throws {
        let clock = ManualClock()
        try await KvStoreContract(of: MemoryKvStore(clock: clock)) { clock.advance(by: $0) }.check()
    }

    @Test func expiresToTheMicrosecond() async throws {
        let clock = ManualClock()
        let kv: any KvStore = MemoryKvStore(clock: clock)
        try await kv.set(["k"], 1, ttl: .seconds(10))
        clock.advance(by: .seconds(10) - .microseconds(1))
        #expect(try await kv.get(["k"], as: Int.self) == 1)
        clock.advance(by: .microseconds(1))
        #expect(try await kv.get(["k"]) == nil)
    }

    /// Expired entries are let go without being asked for.
    @Test func expiredEntriesTakeNoMemory() async throws {
        let clock = ManualClock()
        let kv = MemoryKvStore(clock: clock)
        for number in 0..<100 { try await kv.set(["long", "\(number)"], 1) }
        var most = 0
        for number in 0..<100_000 {
            try await kv.set(["short", "\(number)"], JSONValue(uncheckedJSON: "1"), ttl: .microseconds(1))
            clock.advance(by: .microseconds(1))
            most = max(most, await kv.storedCount)
        }
        #expect(most < 300)
        var living = 0
        for try await _ in kv.list(prefix: ["long"]) { living += 1 }
        #expect(living == 100)
    }
}
