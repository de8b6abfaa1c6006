import QueueRecording
import Testing

/// The checker is itself held to histories whose answer is known. Times are in milliseconds.
@Suite struct QueueHistoryCheckerTests {
    private typealias Rules = QueueHistoryChecker.Rules

    /// A message that was enqueued at a time.
    private func sent(_ number: Int, _ time: Int64, key: String? = nil, _ kind: QueueEvent.Kind = .sent) -> [QueueEvent]
    {
        [
            QueueEvent(.sending, at: time * 1_000_000, worker: "", number: number, key: key),
            QueueEvent(kind, at: (time + 1) * 1_000_000, worker: "", number: number, key: key),
        ]
    }

    /// One run of a handler, and how it ended; nil: not at all.
    private func handled(
        _ number: Int, _ began: Int64, _ ended: Int64?, _ end: QueueEvent.Kind = .returned, by worker: String = "a",
        key: String? = nil, lease: Int64? = 3000, cancelled: Int64? = nil, renewed: (at: Int64, lease: Int64)? = nil
    ) -> [QueueEvent] {
        let handling = number * 1_000_000 + Int(began)
        func event(_ kind: QueueEvent.Kind, _ time: Int64, lease: Int64?) -> QueueEvent {
            QueueEvent(
                kind, at: time * 1_000_000, worker: worker, number: number, key: key, handling: handling,
                leaseEnd: key == nil ? lease.map { (began + $0) * 1_000_000 } : nil)
        }
        return [event(.began, began, lease: lease)] + (cancelled.map { [event(.cancelled, $0, lease: lease)] } ?? [])
            + (renewed.map { [event(.leased, $0.at, lease: $0.lease)] } ?? [])
            + (ended.map { [event(end, $0, lease: renewed?.lease ?? lease)] } ?? [])
    }

    private func happened(_ kind: QueueEvent.Kind, _ time: Int64, to worker: String = "a") -> QueueEvent {
        QueueEvent(kind, at: time * 1_000_000, worker: worker)
    }

    private func violations(
        _ events: [[QueueEvent]], left: Set<Int> = [], dead: [Int: Int] = [:], _ rules: Rules = Rules()
    ) -> [String] {
        QueueHistoryChecker(events.flatMap(\.self), left: left, dead: dead, rules: rules).violations
    }

    @Test func aSoundHistory() {
        let events = [
            sent(1, 0), handled(1, 10, 20), sent(2, 0, key: "k"), sent(3, 5, key: "k"), handled(2, 10, 20, key: "k"),
            handled(3, 30, 40, .threw, key: "k"), handled(3, 90, 100, by: "b", key: "k"), sent(4, 0, .refused),
            sent(5, 0, .uncertain), sent(6, 0, .uncertain), handled(6, 10, 20), sent(7, 0),
            handled(7, 50, 60, .rejected),
            sent(8, 0),
        ]
        #expect(violations(events, left: [8], dead: [7: 1], Rules(isExactlyOnce: true, redelivery: .seconds(2))) == [])
    }

    @Test func aLostMessage() {
        #expect(violations([sent(1, 0)]) == ["message 1 was lost"])
        #expect(violations([sent(1, 0), handled(1, 10, 20, .threw)]) == ["message 1 was lost"])
        #expect(violations([sent(1, 0), handled(1, 10, nil)]) == ["message 1 was lost"])
        // Handled before it was acknowledged.
        #expect(violations([sent(1, 0), handled(1, 0, 1)]) == [])
    }

    @Test func aMessageFromNowhere() {
        #expect(violations([handled(1, 10, 20)]).count == 1)
        #expect(violations([sent(1, 0, .refused), handled(1, 10, 20)]).count == 1)
        #expect(violations([sent(1, 0, .refused)], left: [1]).count == 1)
    }

    @Test func twice() {
        let events = [sent(1, 0), handled(1, 10, 20), handled(1, 4000, 4010, by: "b")]
        #expect(violations(events) == [])
        #expect(violations(events, Rules(isExactlyOnce: true)) == ["message 1 was handled twice"])
        let retried = [sent(1, 0), handled(1, 10, 20, .threw), handled(1, 100, 110)]
        #expect(violations(retried, Rules(isExactlyOnce: true)) == [])
    }

    @Test func twoHandlersUnderOneLease() {
        func two(_ second: Int64, cancelled: Int64? = nil) -> [[QueueEvent]] {
            [
                sent(1, 0), handled(1, 10, 5000, .threw, cancelled: cancelled),
                handled(1, second, second + 10, by: "b"),
            ]
        }
        #expect(violations(two(1000)).count == 1)
        // The lease is over, but its handler was not told.
        #expect(violations(two(3500)).count == 1)
        #expect(violations(two(3500, cancelled: 3600)).count == 1)
        #expect(violations(two(3500, cancelled: 3400)) == [])
        #expect(violations(two(2500, cancelled: 2400)) == [])
        // A lease that was renewed.
        let renewed = [
            sent(1, 0), handled(1, 10, 9000, .threw, cancelled: 6000, renewed: (2000, 6000)),
            handled(1, 4000, 4010, by: "b"),
        ]
        #expect(violations(renewed).count == 1)
    }

    @Test func aProcessThatStandsStill() {
        func stopped(_ second: Int64) -> [[QueueEvent]] {
            [
                sent(1, 0), handled(1, 10, 8100, .threw, cancelled: 8001),
                [happened(.stopped, 500), happened(.resumed, 8000)],
                handled(1, second, second + 10, by: "b"),
            ]
        }
        let rules = Rules(redelivery: .seconds(2))
        #expect(violations(stopped(4000), rules) == [])
        // Before its lease ends, and too late.
        #expect(violations(stopped(1000), rules).count == 1)
        #expect(violations(stopped(5600), rules).count == 1)
        #expect(violations(stopped(5600)) == [])
    }

    @Test func aProcessThatWasKilled() {
        func killed(_ second: Int64, key: String? = nil) -> [[QueueEvent]] {
            [
                sent(1, 0, key: key), handled(1, 10, nil, key: key), [happened(.killed, 500)],
                handled(1, second, second + 10, by: "b", key: key),
            ]
        }
        let rules = Rules(redelivery: .seconds(2))
        #expect(violations(killed(4000), rules) == [])
        #expect(violations(killed(2000), rules).count == 1)
        #expect(violations(killed(6000), rules).count == 1)
        // Its lock falls with it.
        #expect(violations(killed(501, key: "k"), rules) == [])
        #expect(violations(killed(6000, key: "k"), rules).count == 1)
        #expect(violations([sent(1, 0), handled(1, 10, nil), [happened(.killed, 500)]], left: [1], rules).count == 1)
    }

    @Test func theOrderOfAKey() {
        func two(_ first: [QueueEvent], _ second: [QueueEvent]) -> [[QueueEvent]] {
            [sent(1, 0, key: "k"), sent(2, 5, key: "k"), first, second]
        }
        #expect(violations(two(handled(1, 30, 40, key: "k"), handled(2, 10, 20, key: "k"))).count == 1)
        // Both at the same time.
        #expect(violations(two(handled(1, 10, 30, key: "k"), handled(2, 20, 40, by: "b", key: "k"))).count == 2)
        // The second one passes the first one, which has failed.
        let passed = two(
            handled(1, 10, 20, .threw, key: "k") + handled(1, 50, 60, key: "k"), handled(2, 30, 40, key: "k"))
        #expect(violations(passed).count == 1)
        // The first one comes again after the second one.
        let again = two(handled(1, 10, 20, key: "k") + handled(1, 50, 60, key: "k"), handled(2, 30, 40, key: "k"))
        #expect(violations(again).count == 1)
        // Sent at the same time: in any order.
        let together = [
            sent(1, 0, key: "k"), sent(2, 0, key: "k"), handled(2, 10, 20, key: "k"), handled(1, 30, 40, key: "k"),
        ]
        #expect(violations(together) == [])
        // Of different keys.
        let others = [
            sent(1, 0, key: "k"), sent(2, 5, key: "l"), handled(2, 10, 30, key: "l"), handled(1, 20, 40, key: "k"),
        ]
        #expect(violations(others) == [])
        // The first one is dead.
        #expect(
            violations(two(handled(1, 10, 20, .rejected, key: "k"), handled(2, 30, 40, key: "k")), dead: [1: 1]) == [])
    }

    @Test func aLockThatWasLost() {
        func two(_ second: Int64) -> [[QueueEvent]] {
            [
                sent(1, 0, key: "k"), handled(1, 10, 5000, .threw, key: "k", cancelled: 2000),
                handled(1, second, second + 10, by: "b", key: "k"),
            ]
        }
        #expect(violations(two(1000)).count == 1)
        // The server tells both at the same time.
        #expect(violations(two(1990)) == [])
    }

    @Test func aDeathWithoutAReason() {
        let events = [sent(1, 0), handled(1, 10, 20, .threw)]
        #expect(violations(events, dead: [1: 10]) == [])
        #expect(violations(events, dead: [1: 9]) == ["message 1 is dead without a reason"])
    }
}
