import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct ClosingTests {
    @Test func anUnusedMachineClosesAtOnce() {
        var scheduler = TestScheduler()
        #expect(scheduler.close() == ["allClosed"])
        #expect(scheduler.close() == [])
        #expect(scheduler.enqueue("a") == ["fail a: closed"])
    }

    @Test func idleConnectionsAndAttemptsAreGivenUp() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.take(1)
        scheduler.enqueue("b")
        scheduler.finish(1)
        _ = scheduler.take(1)
        scheduler.finish(1)
        #expect(scheduler.status == .init(connections: 2, inUse: 0, idle: 1, waiting: 0))
        #expect(scheduler.close() == ["close 1", "close 2", "allClosed"])
        #expect(scheduler.open(2) == ["close 2"], "it had not heard")
        #expect(scheduler.openFailed(2) == [])
    }

    @Test func whatWaitsIsRefusedAndWhatIsUnderWayGoesOn() {
        var scheduler = TestScheduler(maximum: 2)
        scheduler.enqueue(all: "abcd", .exclusive)
        scheduler.open(1, 2)
        _ = (scheduler.take(1), scheduler.take(2))
        #expect(scheduler.close() == ["fail cd: closed"])
        #expect(scheduler.close() == [])
        #expect(scheduler.enqueue("e") == ["fail e: closed"])
        #expect(scheduler.finish(2) == ["close 2"])
        #expect(scheduler.finish(1, isUsable: false) == ["allClosed"])
        #expect(scheduler.status == .init())
    }

    @Test func allIsClosedOnce() {
        var scheduler = TestScheduler(maximum: 1)
        scheduler.enqueue("a", waits: .seconds(1), deadline: .seconds(2))
        scheduler.open(1)
        _ = scheduler.take(1)
        #expect(scheduler.close() == [])
        #expect(scheduler.finish(1) == ["close 1", "allClosed"])
        #expect(scheduler.timer != nil)
        #expect(scheduler.pass(.hours(1)) == [], "timers were set")
        #expect(scheduler.finish(1) == [])
        #expect(scheduler.lose(1) == [])
        #expect(scheduler.close() == [])
    }

    @Test func aReservedConnectionIsClosedByItsEventLoop() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        #expect(scheduler.close() == ["fail a: closed"])
        #expect(scheduler.take(1) == (nil, ["close 1", "allClosed"]))
    }

    @Test func aReservedConnectionThatIsLostEndsTheClosing() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.close()
        #expect(scheduler.lose(1) == ["allClosed"])
        #expect(scheduler.take(1) == (nil, []))
    }

    @Test func deadlinesHoldWhileItCloses() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a", deadline: .seconds(2))
        scheduler.open(1)
        _ = scheduler.take(1)
        #expect(scheduler.close() == [])
        #expect(scheduler.pass(.seconds(2)) == ["expire 1: a", "abandon 1"])
        #expect(scheduler.finish(1, isUsable: false) == ["allClosed"])
    }

    @Test func aPauseBetweenAttemptsDoesNotKeepItOpen() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        _ = scheduler.openFailed(1)
        #expect(scheduler.close() == ["fail a: closed", "allClosed"])
        #expect(scheduler.pass(.seconds(60)) == [])
        #expect(scheduler.timer == nil)
    }
}
