import FedifyKv
import Synchronization
import Testing

@testable import inbox

/// No host may send more than its share.
@Suite struct RateLimitTests {
    @Test func whoSendsTooMuchIsAskedToWait() async throws {
        // A window that no test sees the end of.
        try await InboxFixture.run({
            $0.requestsPerWindow = 3; $0.window = .seconds(1 << 32)
        }) { inbox throws in
            for number in 0..<3 { #expect(try await inbox.post(inbox.activity("\(number)")).status == 202) }
            let refused = try await inbox.post(inbox.activity("4"))
            #expect(refused.status == 429)
            #expect(refused.retryAfter ?? 0 > 0)
            // A refused activity doesn't count as handled.
            #expect(try await inbox.kv.get(["activities", "\(inbox.origin)/activities/4"]) == nil)
        }
    }

    @Test func aNewWindowBeginsAnew() async throws {
        let clock = Mutex(1000.0)
        let rates = RateLimit(kv: MemoryKvStore(), limit: 2, window: .seconds(60)) { clock.withLock { $0 } }
        // 1000 is 20 seconds before a window's end.
        #expect(try await rates.count("a.example") == nil)
        #expect(try await rates.count("a.example") == nil)
        #expect(try await rates.count("a.example") == 20)
        #expect(try await rates.count("b.example") == nil)
        clock.withLock { $0 = 1019.5 }
        #expect(try await rates.count("a.example") == 1)
        clock.withLock { $0 = 1020 }
        #expect(try await rates.count("a.example") == nil)
    }

    @Test func manyAtOnceAreCountedOneByOne() async throws {
        try await InboxFixture.run { inbox throws in
            let rates = RateLimit(kv: inbox.kv, limit: 10, window: .seconds(60)) { 1000 }
            let allowed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<40 { group.addTask { try await rates.count("a.example") == nil } }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(allowed == 10)
        }
    }
}
