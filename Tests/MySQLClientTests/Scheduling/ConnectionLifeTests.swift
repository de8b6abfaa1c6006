import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// Why connections are closed.
@Suite struct ConnectionLifeTests {
    /// A scheduler with some connections that are idle, the first of them used last.
    private func scheduler(idle count: Int, lifetime: TimeAmount = .hours(1)) -> TestScheduler {
        var scheduler = TestScheduler(maximum: 4, idle: .seconds(60))
        for index in 0..<count { scheduler.enqueue("x\(index)") }
        for id in 1...count {
            scheduler.open(id, lifetime: lifetime)
            _ = scheduler.take(id)
        }
        for id in (1...count).reversed() { scheduler.finish(id) }
        return scheduler
    }

    @Test func anIdleConnectionIsClosedAfterItsTimeToTheNanosecond() {
        var scheduler = scheduler(idle: 1)
        #expect(scheduler.pass(.seconds(60) - .nanoseconds(1)) == [])
        #expect(scheduler.pass(.nanoseconds(1)) == ["close 1"])
        #expect(scheduler.status == .init())
        #expect(scheduler.timer == nil)
    }

    @Test func useMakesTheIdleTimeBeginAgain() {
        var scheduler = scheduler(idle: 2)
        #expect(scheduler.pass(.seconds(40)) == [])
        #expect(scheduler.enqueue("a") == ["schedule 1"])
        _ = scheduler.take(1)
        scheduler.finish(1)
        #expect(scheduler.pass(.seconds(20)) == ["close 2"])
        #expect(scheduler.timer == .seconds(40))
        #expect(scheduler.pass(.seconds(40)) == ["close 1"])
    }

    @Test func anOldConnectionIsReplacedBeforeItTakes() {
        var scheduler = scheduler(idle: 1, lifetime: .seconds(30))
        #expect(scheduler.pass(.seconds(30)) == [])
        #expect(scheduler.enqueue("a") == ["schedule 1"])
        #expect(scheduler.take(1) == (nil, ["close 1", "open 2"]))
        scheduler.open(2)
        #expect(scheduler.take(2) == ("a", []))
    }

    @Test func aConnectionAboutToGrowOldTakes() {
        var scheduler = scheduler(idle: 1, lifetime: .seconds(30))
        #expect(scheduler.pass(.seconds(30) - .nanoseconds(1)) == [])
        scheduler.enqueue("a")
        #expect(scheduler.take(1) == ("a", []))
        _ = scheduler.pass(.nanoseconds(1))
        scheduler.enqueue("b")
        #expect(scheduler.finish(1) == ["close 1"])
    }

    @Test func anOldConnectionIsClosedWhenItsBatchEnds() {
        var scheduler = TestScheduler(maximum: 1)
        scheduler.enqueue(all: "ab", .exclusive)
        scheduler.open(1, lifetime: .seconds(1))
        _ = scheduler.take(1)
        _ = scheduler.pass(.seconds(1))
        #expect(scheduler.finish(1) == ["close 1", "open 2"])
    }

    @Test func aBrokenConnectionIsReplacedIfSomethingWaits() {
        var scheduler = scheduler(idle: 1)
        scheduler.enqueue("a")
        _ = scheduler.take(1)
        #expect(scheduler.finish(1, isUsable: false) == [])
        #expect(scheduler.status == .init())
        #expect(scheduler.enqueue("b") == ["open 2"])
    }

    /// The server may be gone: one attempt finds out, and the others follow.
    @Test func afterTheLastConnectionWasLostOneAttemptGoesAhead() {
        var scheduler = scheduler(idle: 1)
        scheduler.enqueue("a")
        _ = scheduler.take(1)
        #expect(scheduler.finish(1, isUsable: false) == [])
        #expect(scheduler.enqueue(all: "bcd", .exclusive) == ["open 2"])
        #expect(scheduler.open(2) == ["schedule 2", "open 3", "open 4"])
    }

    @Test func leavingAServerClosesIdleConnectionsAndTheOthersAfterTheirWork() {
        var scheduler = scheduler(idle: 3)
        scheduler.enqueue(all: "ab", .exclusive)
        #expect(scheduler.take(1) == ("a", []))
        let left = scheduler.leaveServer(of: 1)
        #expect(left.isNews)
        #expect(left.actions == ["close 3"])
        #expect(scheduler.leaveServer(of: 2) == (false, []), "another had said so")
        #expect(scheduler.take(2) == (nil, ["close 2", "open 4"]), "it was reserved")
        #expect(scheduler.finish(1) == ["close 1"])
        scheduler.open(4)
        #expect(scheduler.take(4) == ("b", []))
        #expect(scheduler.finish(4) == [])
        #expect(scheduler.leaveServer(of: 1) == (false, []), "it isn't there")
        #expect(scheduler.leaveServer(of: 4) == (true, ["close 4"]))
    }

    @Test func anAttemptBegunBeforeTheServerWasLeftComesToNothing() {
        var scheduler = scheduler(idle: 1)
        scheduler.enqueue("a")
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b") == ["open 2"])
        #expect(scheduler.leaveServer(of: 1).isNews)
        #expect(scheduler.open(2) == ["close 2", "open 3"])
        #expect(scheduler.open(3) == ["schedule 3"])
        #expect(scheduler.take(3) == ("b", []))
    }

    @Test func aSilentServerCostsTheIdleConnectionsToo() {
        var scheduler = scheduler(idle: 3)
        scheduler.enqueue("a", deadline: .seconds(5))
        _ = scheduler.take(1)
        #expect(scheduler.pass(.seconds(5)) == ["expire 1: a", "abandon 1", "close 3", "close 2"])
        #expect(scheduler.finish(1, isUsable: false) == [])
        #expect(scheduler.status == .init())
    }

    @Test func aBatchThatOnlySomeGaveUpSaysNothingOfTheNetwork() {
        var scheduler = scheduler(idle: 2)
        let lane = scheduler.lane(.read)
        scheduler.enqueue("a", lane, deadline: .seconds(5))
        scheduler.enqueue("b", lane, deadline: .seconds(9))
        #expect(scheduler.take(1) == ("ab", []))
        #expect(scheduler.pass(.seconds(5)) == ["expire 1: a"])
    }

    @Test func requestsThatWaitAfterASilentServerGetNewConnections() {
        var scheduler = scheduler(idle: 1)
        let lane = scheduler.lane(LanePolicy(maximumBatches: 1))
        scheduler.enqueue("a", lane, deadline: .seconds(5))
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b", lane) == [])
        #expect(scheduler.pass(.seconds(5)) == ["expire 1: a", "abandon 1"])
        #expect(scheduler.finish(1, isUsable: false) == ["open 2"])
    }

    @Test func aRemovedLaneIsForgottenAfterItsLastBatchAndItsNumberIsUsedAgain() {
        var scheduler = scheduler(idle: 1)
        let (lane, other) = (scheduler.lane(.read), scheduler.lane(.read))
        scheduler.enqueue("a", lane)
        _ = scheduler.take(1)
        scheduler.machine.removeLane(lane)
        #expect(!scheduler.machine.hasForgotten(lane))
        scheduler.finish(1)
        #expect(scheduler.machine.hasForgotten(lane))
        #expect(scheduler.machine.addLane(.read, inPlaceOf: lane) == lane)
        #expect(!scheduler.machine.hasForgotten(lane))
        scheduler.enqueue("b", lane)
        #expect(scheduler.take(1) == ("b", []))
        scheduler.machine.removeLane(other)
        #expect(scheduler.machine.hasForgotten(other))
    }

    @Test func aRemovedLaneServesWhatWaitsInIt() {
        var scheduler = scheduler(idle: 1)
        let lane = scheduler.lane(.read)
        scheduler.enqueue("a", lane)
        scheduler.machine.removeLane(lane)
        #expect(scheduler.enqueue("b", lane) == ["fail b: closed"])
        #expect(scheduler.take(1) == ("a", []))
        scheduler.finish(1)
        #expect(scheduler.machine.hasForgotten(lane))
    }

    @Test func aRemovedLaneIsForgottenHoweverItsQueueGrowsEmpty() {
        var scheduler = scheduler(idle: 1)
        scheduler.enqueue("x")
        _ = scheduler.take(1)
        let (cancelled, late) = (scheduler.lane(.read), scheduler.lane(.read))
        scheduler.enqueue("a", cancelled)
        scheduler.enqueue("b", late, waits: .seconds(1))
        scheduler.machine.removeLane(cancelled)
        scheduler.machine.removeLane(late)
        #expect(scheduler.cancel("a") == ["fail a: cancelled"])
        #expect(scheduler.pass(.seconds(1)) == ["fail b: waitedTooLong"])
        #expect(scheduler.machine.hasForgotten(cancelled))
        #expect(scheduler.machine.hasForgotten(late))
    }
}
