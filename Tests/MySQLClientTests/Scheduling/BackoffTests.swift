import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// Behavior while no connection can be opened.
@Suite struct BackoffTests {
    @Test func pausesGrowFromTheShortestToTheLongest() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a", waits: .hours(1), deadline: .hours(1))
        var id = 1
        for milliseconds: Int64 in [100, 200, 400, 800, 1000, 1000] {
            #expect(scheduler.openFailed(id) == [])
            #expect(scheduler.timer == .milliseconds(milliseconds))
            #expect(scheduler.pass(.milliseconds(milliseconds) - .nanoseconds(1)) == [])
            id += 1
            #expect(scheduler.pass(.nanoseconds(1)) == ["open \(id)"])
        }
    }

    @Test func aHundredFailuresDoNotOverflow() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a", waits: .hours(1), deadline: .hours(1))
        for id in 1...100 {
            _ = scheduler.openFailed(id)
            #expect(scheduler.pass(.seconds(1)) == ["open \(id + 1)"])
        }
    }

    @Test(arguments: [(0.0, 50_000), (0.5, 75_000), (1.0, 100_000)])
    func chanceShortensAPauseByUpToAHalf(jitter: Double, microseconds: Int64) {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        #expect(scheduler.openFailed(1, jitter: jitter) == [])
        #expect(scheduler.timer == .microseconds(microseconds))
    }

    @Test func attemptsThatFailTogetherMakeOneShortPause() {
        var scheduler = TestScheduler()
        scheduler.enqueue(all: "abcdefghij", .exclusive)
        for id in 1...4 { #expect(scheduler.openFailed(id) == []) }
        #expect(scheduler.timer == .milliseconds(100))
        #expect(scheduler.pass(.milliseconds(100)) == ["open 5"])
        #expect(scheduler.openFailed(5) == [])
        #expect(scheduler.timer == .milliseconds(200))
    }

    /// However many wait, a server that refuses for three seconds is asked a dozen times.
    @Test(arguments: [0.0, 0.5, 1.0])
    func aServerThatRefusesIsAskedSeldom(jitter: Double) {
        var scheduler = TestScheduler(maximum: 50, waiting: 2000)
        var actions: [String] = []
        for number in 0..<1000 {
            actions += scheduler.enqueue("a\(number)", waits: .hours(1), deadline: .hours(1))
        }
        var attempts = 0
        var passed = TimeAmount.zero
        while passed < .seconds(3) {
            for action in actions where action.hasPrefix("open") {
                attempts += 1
                actions += scheduler.openFailed(attempts, jitter: jitter)
            }
            let pause = scheduler.timer ?? .seconds(3)
            passed = passed + pause
            actions = scheduler.pass(pause)
        }
        #expect((7...12).contains(attempts), "\(attempts)")
    }

    @Test func oneAttemptAtATimeIsMadeUntilOneSucceeds() {
        var scheduler = TestScheduler()
        scheduler.enqueue(all: "ab", .exclusive)
        #expect(scheduler.openFailed(1) == [])
        #expect(scheduler.enqueue("c") == [])
        #expect(scheduler.pass(.milliseconds(100)) == [], "the second attempt goes on")
        #expect(scheduler.openFailed(2) == [])
        #expect(scheduler.pass(.milliseconds(200)) == ["open 3"])
        #expect(scheduler.enqueue("d") == [])
        #expect(scheduler.open(3) == ["schedule 3", "open 4", "open 5", "open 6"])
    }

    @Test func aNewRequestDoesNotEndThePause() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        _ = scheduler.openFailed(1)
        _ = scheduler.pass(.milliseconds(10))
        #expect(scheduler.enqueue("b") == [])
        #expect(scheduler.timer == .milliseconds(90))
        #expect(scheduler.pass(.milliseconds(90)) == ["open 2"])
    }

    @Test func withoutDemandNoAttemptIsMade() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        _ = scheduler.openFailed(1)
        #expect(scheduler.cancel("a") == ["fail a: cancelled"])
        #expect(scheduler.pass(.seconds(10)) == [])
        #expect(scheduler.timer == nil)
        #expect(scheduler.enqueue("b") == ["open 2"], "the pause is over")
        #expect(scheduler.openFailed(2) == [])
        #expect(scheduler.timer == .milliseconds(200), "yet it is the second failure")
    }

    @Test func demandThatEndsDuringAnAttemptLeavesAnIdleConnection() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        _ = scheduler.cancel("a")
        #expect(scheduler.open(1) == [])
        #expect(scheduler.status.idle == 1)
    }

    @Test func successForgetsTheFailures() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        _ = scheduler.openFailed(1)
        _ = scheduler.pass(.milliseconds(100))
        _ = scheduler.openFailed(2)
        _ = scheduler.pass(.milliseconds(200))
        #expect(scheduler.open(3) == ["schedule 3"])
        _ = scheduler.take(3)
        scheduler.finish(3, isUsable: false)
        #expect(scheduler.enqueue("b", waits: .milliseconds(130)) == ["open 4"])
        #expect(scheduler.openFailed(4) == [])
        #expect(scheduler.timer == .milliseconds(100))
    }

    @Test func aFinalErrorFailsAllWhoWaitIfNoConnectionIsThere() {
        var scheduler = TestScheduler()
        let lane = scheduler.lane(.read)
        scheduler.enqueue(all: "ab", .exclusive)
        scheduler.enqueue("c", lane)
        #expect(scheduler.openFailed(1, isFinal: true) == ["fail abc: connection"])
        #expect(scheduler.status == .init(connections: 2, inUse: 0, idle: 0, waiting: 0))
        #expect(scheduler.openFailed(2, isFinal: true) == [])
        #expect(scheduler.openFailed(3) == [])
        #expect(scheduler.enqueue("d") == [], "attempts have their pauses all the same")
        #expect(scheduler.pass(.milliseconds(100)) == ["open 4"])
    }

    @Test func aFinalErrorIsNoneWhileAConnectionIsThere() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b") == ["open 2"])
        #expect(scheduler.openFailed(2, isFinal: true) == [])
        #expect(scheduler.status.waiting == 1)
        #expect(scheduler.finish(1) == ["schedule 1"])
        #expect(scheduler.take(1) == ("b", []))
    }

    @Test func connectionsThatAreThereServeDuringAPause() {
        var scheduler = TestScheduler()
        scheduler.enqueue("a")
        scheduler.open(1)
        _ = scheduler.take(1)
        #expect(scheduler.enqueue("b") == ["open 2"])
        #expect(scheduler.openFailed(2) == [])
        #expect(scheduler.cancel("b") == ["fail b: cancelled"])
        scheduler.finish(1)
        #expect(scheduler.enqueue("c") == ["schedule 1"])
    }
}
