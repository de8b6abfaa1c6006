import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct OpeningTests {
    @Test func aConnectionIsOpenedWhenARequestComesAndTakesIt() {
        var scheduler = TestScheduler()
        #expect(scheduler.enqueue("a") == ["open 1"])
        #expect(scheduler.open(1) == ["schedule 1"])
        #expect(scheduler.take(1) == ("a", []))
        #expect(scheduler.status == .init(connections: 1, inUse: 1, idle: 0, waiting: 0))
        #expect(scheduler.finish(1) == [])
        #expect(scheduler.status == .init(connections: 1, inUse: 0, idle: 1, waiting: 0))
    }

    @Test func noMoreConnectionsThanTheMaximumAreOpened() {
        var scheduler = TestScheduler(maximum: 3)
        #expect(scheduler.enqueue(all: "abcdef", .exclusive) == ["open 1", "open 2", "open 3"])
        #expect(scheduler.open(1, 2, 3) == ["schedule 1", "schedule 2", "schedule 3"])
        #expect(scheduler.take(1) == ("a", []))
        #expect(scheduler.take(3) == ("b", []))
        #expect(scheduler.take(2) == ("c", []))
        #expect(scheduler.enqueue("g") == [])
        #expect(scheduler.finish(2) == ["schedule 2"])
        #expect(scheduler.take(2) == ("d", []))
        #expect(scheduler.status == .init(connections: 3, inUse: 3, idle: 0, waiting: 3))
    }

    @Test func aLoneRequestGoesOutAtOnce() {
        var scheduler = TestScheduler()
        let lane = scheduler.lane(.read)
        scheduler.enqueue("a", lane)
        scheduler.open(1)
        _ = scheduler.take(1)
        scheduler.finish(1)
        #expect(scheduler.enqueue("b", lane) == ["schedule 1"])
        #expect(scheduler.take(1) == ("b", []))
    }

    @Test func anIdleConnectionIsUsedWhileAnotherIsBeingOpened() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b") == ["open 2"])
        #expect(scheduler.finish(1) == ["schedule 1"])
        #expect(scheduler.take(1) == ("b", []))
        scheduler.finish(1)
        #expect(scheduler.status.idle == 1)
        // Connection 2 is still being opened, for a request that was removed.
        #expect(scheduler.enqueue("c") == ["schedule 1"])
        #expect(scheduler.take(1) == ("c", []))
    }

    @Test func theConnectionUsedLastIsUsedNext() {
        var scheduler = TestScheduler()
        scheduler.enqueue(all: "ab", .exclusive)
        scheduler.open(1, 2)
        _ = (scheduler.take(1), scheduler.take(2))
        scheduler.finish(2)
        scheduler.finish(1)
        #expect(scheduler.enqueue("c") == ["schedule 1"])
    }

    @Test func aReservedConnectionWithNothingLeftToTakeRests() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        #expect(scheduler.cancel("a") == ["fail a: cancelled"])
        #expect(scheduler.take(1) == (nil, []))
        #expect(scheduler.status == .init(connections: 1, inUse: 0, idle: 1, waiting: 0))
        #expect(scheduler.take(1) == (nil, []), "it isn't reserved")
    }

    @Test func aLostReservedConnectionIsReplaced() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        #expect(scheduler.lose(1) == ["open 2"])
        #expect(scheduler.take(1) == (nil, []))
        #expect(scheduler.open(2) == ["schedule 2"])
        #expect(scheduler.take(2) == ("a", []))
    }

    @Test func aLostIdleConnectionIsForgotten() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.take(1)
        scheduler.finish(1)
        #expect(scheduler.lose(1) == [])
        #expect(scheduler.lose(1) == [])
        #expect(scheduler.status == .init())
        #expect(scheduler.enqueue("b") == ["open 2"])
    }

    @Test func whatIsOpenedOrFinishedTwiceChangesNothing() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        #expect(scheduler.open(1) == ["close 1"])
        _ = scheduler.take(1)
        #expect(scheduler.lose(1) == [], "its batch tells")
        scheduler.finish(1)
        #expect(scheduler.finish(1) == [])
        #expect(scheduler.openFailed(1) == [])
        #expect(scheduler.status == .init(connections: 1, inUse: 0, idle: 1, waiting: 0))
    }

    @Test func tooManyThatWaitAreRefused() {
        var scheduler = TestScheduler(maximum: 1, waiting: 2)
        #expect(scheduler.enqueue(all: "abc", .exclusive) == ["open 1", "fail c: tooManyQueuedOperations"])
        #expect(scheduler.cancel("b") == ["fail b: cancelled"])
        #expect(scheduler.enqueue("d") == [])
        #expect(scheduler.status.waiting == 2)
    }
}
