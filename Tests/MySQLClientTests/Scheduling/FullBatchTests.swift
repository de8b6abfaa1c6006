import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// On a short round trip few batches may be under way, and some more if these are full.
@Suite struct FullBatchTests {
    @Test func readsHaveTwoBatchesUnderWayOnAShortRoundTripFullOrNot() {
        var scheduler = TestScheduler.with(idle: 5)
        let lane = scheduler.lane(.read)
        #expect(scheduler.enqueue("a", lane) == ["schedule 1"])
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b", lane) == ["schedule 2"])
        _ = scheduler.take(2)
        #expect(scheduler.enqueue(all: "cdefghijkl", lane) == [])
        #expect(scheduler.finish(2) == ["schedule 2"])
        #expect(scheduler.take(2) == ("cdef", []))
    }

    @Test func writesHaveTwoFurtherBatchesIfTheseAreFull() {
        var scheduler = TestScheduler.with(idle: 5)
        let lane = scheduler.lane(.write)
        scheduler.enqueue("a", lane)
        _ = scheduler.take(1)
        scheduler.enqueue("b", lane)
        _ = scheduler.take(2)
        #expect(scheduler.enqueue(all: "cde", lane) == [])
        #expect(scheduler.enqueue("f", lane) == ["schedule 3"])
        #expect(scheduler.take(3) == ("cdef", []))
        #expect(scheduler.enqueue(all: "ghij", lane) == ["schedule 4"])
        #expect(scheduler.take(4) == ("ghij", []))
        #expect(scheduler.enqueue(all: "klmnop", lane) == [])
    }

    @Test func whatTheByteLimitLeavesBehindGoesWithFurtherConnections() {
        var scheduler = TestScheduler.with(idle: 4, maximum: 4)
        let lane = scheduler.lane(.write)
        // Nine wait, worth two full batches.
        #expect(scheduler.enqueue(all: "abcdefghi", lane, size: 100) == ["schedule 1", "schedule 2"])
        #expect(scheduler.take(1, byteLimit: 100) == ("a", ["schedule 3"]))
        #expect(scheduler.take(2, byteLimit: 100) == ("b", []))
    }
}
