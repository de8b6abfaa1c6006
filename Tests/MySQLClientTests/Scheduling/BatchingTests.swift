import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct BatchingTests {
    @Test func aBatchHasTheOldestRequestAndOthersOfItsLaneInOrder() {
        var scheduler = TestScheduler.with(idle: 1, maximum: 1)
        let (first, second) = (scheduler.lane(.read), scheduler.lane(.read))
        scheduler.enqueue("a", first)
        scheduler.enqueue(all: "BC", second)
        scheduler.enqueue(all: "bcdef", first)
        scheduler.enqueue("D", second)
        #expect(scheduler.take(1) == ("abcd", []))
        #expect(scheduler.finish(1) == ["schedule 1"])
        #expect(scheduler.take(1) == ("BCD", []))
        #expect(scheduler.finish(1) == ["schedule 1"])
        #expect(scheduler.take(1) == ("ef", []))
        #expect(scheduler.finish(1) == [])
    }

    @Test(arguments: [0, 100, 500, 5000])
    func asManyBatchesGoAsTheRoundTripIsWorth(microseconds: Int64) {
        var scheduler = TestScheduler.with(idle: 12, maximum: 12)
        let roundTrip = TimeAmount.microseconds(microseconds)
        scheduler.measure(roundTrip)
        let lane = scheduler.lane(.read)
        let limit = BatchPolicy(.read, roundTrip: roundTrip, connections: 12).eager
        for id in 1...limit {
            #expect(scheduler.enqueue("a", lane) == ["schedule \(id)"])
            #expect(scheduler.take(id).batch == "a")
        }
        #expect(scheduler.enqueue("b", lane) == [])
    }

    @Test func limitsFollowTheRoundTripOfLanesThatAreThere() {
        var scheduler = TestScheduler.with(idle: 10)
        let lane = scheduler.lane(.read)
        let limit = BatchPolicy(.read, roundTrip: nil, connections: 10).eager
        for id in 1...limit {
            scheduler.enqueue("a", lane)
            _ = scheduler.take(id)
        }
        #expect(scheduler.enqueue("b", lane) == [])
        scheduler.measure(.milliseconds(10))
        #expect(scheduler.machine.estimatedRoundTrip == .milliseconds(10))
        #expect(scheduler.enqueue("c", lane) == ["schedule \(limit + 1)", "schedule \(limit + 2)"])
        scheduler.measure(.microseconds(10))
        #expect(scheduler.take(limit + 1) == (nil, []), "no further one may go now")
        #expect(scheduler.status.waiting == 2)
    }

    @Test func aLaneAtItsLimitLeavesTheConnectionToOthers() {
        var scheduler = TestScheduler.with(idle: 1, maximum: 3)
        let policy = LanePolicy(maximumRequests: 4, maximumBatches: 2)
        let (first, second) = (scheduler.lane(policy), scheduler.lane(policy))
        #expect(scheduler.enqueue(all: "ab", first) == ["schedule 1", "open 2"])
        #expect(scheduler.take(1) == ("ab", []))
        scheduler.enqueue("c", first)
        scheduler.open(2)
        #expect(scheduler.take(2) == ("c", []))
        #expect(scheduler.enqueue("d", first) == [])
        #expect(scheduler.enqueue("A", second) == ["open 3"])
        scheduler.open(3)
        #expect(scheduler.take(3) == ("A", []))
    }

    @Test func singlesShareWhatWaitsOnALongRoundTrip() {
        var scheduler = TestScheduler.with(idle: 4, maximum: 4)
        let lane = scheduler.lane(.singles)
        scheduler.measure(.milliseconds(1))
        #expect(scheduler.enqueue(all: "abcdef", lane).count == 4)
        #expect(scheduler.take(1) == ("ab", []))
        #expect(scheduler.take(2) == ("cd", []))
        #expect(scheduler.take(3) == ("e", []))
        #expect(scheduler.take(4) == ("f", []))
    }

    @Test func singlesTravelTogetherOnAShortRoundTrip() {
        var scheduler = TestScheduler.with(idle: 4, maximum: 4)
        let lane = scheduler.lane(
            LanePolicy(maximumRequests: 4, maximumBatches: 2, prefersSingles: true))
        scheduler.measure(.microseconds(249))
        #expect(scheduler.enqueue(all: "abcdef", lane) == ["schedule 1", "schedule 2"])
        #expect(scheduler.take(1) == ("abcd", []))
        #expect(scheduler.take(2) == ("ef", []))
    }

    @Test func aBatchEndsAtTheByteLimitButHasOneRequest() {
        var scheduler = TestScheduler.with(idle: 1, maximum: 1)
        let lane = scheduler.lane(.read)
        scheduler.enqueue("a", lane, size: 50)
        scheduler.enqueue("b", lane, size: 50)
        scheduler.enqueue("c", lane, size: 101)
        scheduler.enqueue("d", lane, size: 1)
        #expect(scheduler.take(1, byteLimit: 100) == ("ab", []))
        scheduler.finish(1)
        #expect(scheduler.take(1, byteLimit: 100) == ("c", []))
        scheduler.finish(1)
        #expect(scheduler.take(1, byteLimit: 100) == ("d", []))
    }

    @Test func theLaneChoosesTheSizeOfItsBatches() {
        var scheduler = TestScheduler.with(idle: 1, maximum: 1)
        var policy = LanePolicy(maximumRequests: 8, maximumBatches: 2)
        policy.batchSize = { $0 >= 4 ? 4 : 0 }
        let lane = scheduler.lane(policy)
        scheduler.enqueue(all: "abcdef", lane)
        #expect(scheduler.take(1).batch == "abcd")
        scheduler.finish(1)
        #expect(scheduler.take(1).batch == "e", "one at least")
    }

    @Test func aLaneThatIsNotAdaptiveHasItsOwnLimit() {
        var scheduler = TestScheduler.with(idle: 4, maximum: 4)
        let lane = scheduler.lane(LanePolicy(maximumBatches: 3))
        #expect(scheduler.enqueue(all: "abcd", lane) == ["schedule 1", "schedule 2", "schedule 3"])
        #expect(scheduler.enqueue("x") == ["schedule 4"])
    }
}
