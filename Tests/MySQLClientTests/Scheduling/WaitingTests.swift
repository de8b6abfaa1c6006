import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// How a wait ends before the answer: it is cancelled, or lasts too long.
@Suite struct WaitingTests {
    /// A scheduler whose only connection is under way with request "x".
    private func busyScheduler(waiting: Int = 1000) -> TestScheduler {
        var scheduler = TestScheduler(maximum: 1, waiting: waiting)
        scheduler.enqueue("x", deadline: .hours(1))
        scheduler.open(1)
        _ = scheduler.take(1)
        return scheduler
    }

    @Test func aRequestCancelledBeforeItComesIsRefused() {
        var scheduler = TestScheduler()
        let request = scheduler.request("a")
        #expect(scheduler.machine.cancel(request).isEmpty)
        #expect(scheduler.enqueue(request) == ["fail a: cancelled"])
        #expect(scheduler.status == .init())
        #expect(scheduler.timer == nil)
    }

    @Test func aRequestCancelledWhileItWaitsLeaves() {
        var scheduler = busyScheduler()
        scheduler.enqueue(all: "abc", .exclusive)
        #expect(scheduler.cancel("b") == ["fail b: cancelled"])
        #expect(scheduler.cancel("b") == [])
        #expect(scheduler.status.waiting == 2)
        scheduler.finish(1)
        #expect(scheduler.take(1).batch == "a")
        scheduler.finish(1)
        #expect(scheduler.take(1).batch == "c")
    }

    @Test func aRequestCancelledUnderWayGoesOn() {
        var scheduler = busyScheduler()
        #expect(scheduler.cancel("x") == [])
        #expect(scheduler.status.inUse == 1)
        #expect(scheduler.finish(1) == [])
        #expect(scheduler.cancel("x") == [])
    }

    @Test func aWaitEndsAtItsTimeToTheNanosecond() {
        var scheduler = busyScheduler()
        scheduler.enqueue("a", waits: .milliseconds(5))
        #expect(scheduler.timer == .milliseconds(5))
        #expect(scheduler.pass(.milliseconds(5) - .nanoseconds(1)) == [])
        #expect(scheduler.pass(.nanoseconds(1)) == ["fail a: waitedTooLong"])
        #expect(scheduler.status.waiting == 0)
    }

    @Test func theDeadlineEndsAWaitToo() {
        var scheduler = busyScheduler()
        scheduler.enqueue("a", waits: .milliseconds(5), deadline: .milliseconds(3))
        #expect(scheduler.pass(.milliseconds(3) - .nanoseconds(1)) == [])
        #expect(scheduler.pass(.nanoseconds(1)) == ["fail a: waitedTooLong"])
    }

    @Test func waitsEndInOrderAndOutOfOrder() {
        var scheduler = busyScheduler()
        for (name, milliseconds) in [("a", 50), ("b", 20), ("c", 60), ("d", 10), ("e", 60), ("f", 30)] {
            scheduler.enqueue(name, waits: .milliseconds(Int64(milliseconds)))
        }
        #expect(scheduler.timer == .milliseconds(10))
        #expect(scheduler.pass(.milliseconds(10)) == ["fail d: waitedTooLong"])
        #expect(scheduler.timer == .milliseconds(10))
        #expect(scheduler.cancel("f") == ["fail f: cancelled"])
        #expect(scheduler.pass(.milliseconds(39)) == ["fail b: waitedTooLong"])
        #expect(scheduler.pass(.milliseconds(1)) == ["fail a: waitedTooLong"])
        #expect(scheduler.pass(.milliseconds(10)) == ["fail ce: waitedTooLong"])
        #expect(scheduler.status.waiting == 0)
    }

    @Test func aTimerThatFiresEarlyIsSetAgain() {
        var scheduler = busyScheduler()
        scheduler.enqueue("a", waits: .milliseconds(5))
        let actions = scheduler.machine.timerFired(now: scheduler.now + .milliseconds(4))
        #expect(actions.count == 1)
        guard case .setTimer(let time)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(time == scheduler.now + .milliseconds(5))
    }

    @Test func aTimerThatNobodySetDoesNothing() {
        var scheduler = TestScheduler()
        #expect(scheduler.machine.timerFired(now: scheduler.now).isEmpty)
    }

    @Test func aTimerThatFiresLateEndsAllThatIsDue() {
        var scheduler = busyScheduler()
        scheduler.enqueue("a", waits: .milliseconds(5))
        scheduler.enqueue("b", waits: .milliseconds(3))
        scheduler.enqueue("c", waits: .milliseconds(9))
        scheduler.now = scheduler.now + .milliseconds(7)
        #expect(scheduler.pass(.zero) == ["fail ab: waitedTooLong"])
        #expect(scheduler.timer == .milliseconds(2))
    }

    @Test func theReasonOfALongWaitIsToldApart() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a", waits: .milliseconds(5))
        #expect(scheduler.pass(.milliseconds(5)) == ["fail a: stillConnecting"])
        scheduler.enqueue("b", waits: .milliseconds(5))
        #expect(scheduler.openFailed(1) == [])
        #expect(scheduler.pass(.milliseconds(5)) == ["fail b: connection"])
    }

    @Test func lateRequestsOfABatchAreAnsweredAndTheBatchIsAbandonedWhenAllAre() {
        var scheduler = TestScheduler(maximum: 1)
        let lane = scheduler.lane(.read)
        scheduler.enqueue("a", lane, deadline: .milliseconds(20))
        scheduler.enqueue("b", lane, deadline: .milliseconds(10))
        scheduler.enqueue("c", lane, deadline: .milliseconds(20))
        scheduler.enqueue("d", lane, deadline: .milliseconds(30))
        scheduler.open(1)
        #expect(scheduler.take(1) == ("abcd", []))
        #expect(scheduler.pass(.milliseconds(10) - .nanoseconds(1)) == [])
        #expect(scheduler.pass(.nanoseconds(1)) == ["expire 1: b"])
        #expect(scheduler.pass(.milliseconds(10)) == ["expire 1: ac"], "each one once")
        #expect(scheduler.pass(.milliseconds(10)) == ["expire 1: d", "abandon 1"])
        #expect(scheduler.status.inUse == 1)
        #expect(scheduler.timer == nil)
        scheduler.enqueue("e", lane)
        #expect(scheduler.finish(1, isUsable: false) == ["open 2"])
    }

    @Test func aBatchThatEndsInTimeIsLeftAlone() {
        var scheduler = TestScheduler(maximum: 1)
        scheduler.enqueue("a", deadline: .milliseconds(20))
        scheduler.open(1)
        _ = scheduler.take(1)
        scheduler.finish(1)
        #expect(scheduler.pass(.milliseconds(50)) == [])
    }

    @Test func aBatchWithoutDeadlineNeverExpires() {
        var scheduler = TestScheduler(maximum: 1)
        let request = NamedRequest("a", lane: .exclusive, waitsUntil: .distantFuture, deadline: .distantFuture)
        _ = scheduler.enqueue(request)
        #expect(scheduler.timer == nil)
        scheduler.open(1)
        #expect(scheduler.take(1) == ("a", []))
        #expect(scheduler.pass(.minutes(30)) == [])
        scheduler.finish(1)
        #expect(scheduler.status.idle == 1)
    }
}
