import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct RequestQueueTests {
    private func request(_ name: String, until seconds: UInt64 = 10) -> NamedRequest {
        let end = NIODeadline.uptimeNanoseconds(seconds * 1_000_000_000)
        return NamedRequest(name, lane: .exclusive, waitsUntil: end, deadline: .distantFuture)
    }

    private func names(_ requests: [ScheduledRequest]) -> String {
        requests.map { ($0 as? NamedRequest)?.name ?? "?" }.joined()
    }

    private func second(_ number: UInt64) -> NIODeadline { .uptimeNanoseconds(number * 1_000_000_000) }

    @Test func firstComeFirstServed() {
        var queue = RequestQueue()
        #expect(queue.isEmpty)
        for name in ["a", "b", "c"] { queue.append(request(name)) }
        #expect(queue.count == 3)
        #expect((0..<3).compactMap { _ in queue.popFirst() as? NamedRequest }.map(\.name) == ["a", "b", "c"])
        #expect(queue.popFirst() == nil)
        #expect(queue.isEmpty)
    }

    @Test func anyRequestMayLeave() {
        var queue = RequestQueue()
        let requests = ["a", "b", "c", "d", "e"].map { request($0) }
        for request in requests { queue.append(request) }
        #expect(queue.remove(requests[1]) == true)
        #expect(queue.remove(requests[1]) == false)
        #expect(queue.remove(requests[0]) == true)
        #expect(queue.first === requests[2])
        #expect(queue.remove(requests[4]) == true)
        #expect(queue.count == 2)
        #expect(names(queue.removeAll()) == "cd")
        #expect(queue.isEmpty)
        #expect(queue.remove(requests[2]) == false)
    }

    @Test func placesAreRightAfterTheQueueWasEmpty() {
        var queue = RequestQueue()
        for round in 0..<3 {
            let requests = (0..<5).map { request("\(round)\($0)") }
            for request in requests { queue.append(request) }
            for index in [3, 0, 4, 1, 2] { #expect(queue.remove(requests[index]) == true) }
            #expect(queue.isEmpty)
            #expect(queue.nextEnd == nil)
        }
    }

    @Test func waitsThatEndInOrder() {
        var queue = RequestQueue()
        for (name, seconds) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] as [(String, UInt64)] {
            queue.append(request(name, until: seconds))
        }
        #expect(queue.nextEnd == second(1))
        #expect(names(queue.removeExpired(second(1) - .nanoseconds(1))) == "")
        #expect(names(queue.removeExpired(second(2))) == "abc")
        #expect(queue.nextEnd == second(3))
    }

    @Test func waitsThatEndOutOfOrder() {
        var queue = RequestQueue()
        for (name, seconds) in [("a", 9), ("b", 5), ("c", 7), ("d", 5), ("e", 9), ("f", 1)] as [(String, UInt64)] {
            queue.append(request(name, until: seconds))
        }
        #expect(queue.nextEnd == second(1))
        #expect(names(queue.removeExpired(second(1))) == "f")
        #expect(queue.nextEnd == second(5))
        #expect(names(queue.removeExpired(second(5))) == "bd")
        #expect(queue.nextEnd == second(7))
        #expect(names(queue.removeExpired(second(8))) == "c")
        #expect(queue.nextEnd == second(9))
        #expect(names(queue.removeExpired(second(9))) == "ae")
        #expect(queue.isEmpty)
    }

    @Test func theFirstMayBeOneOutOfOrder() {
        var queue = RequestQueue()
        let requests = [request("a", until: 9), request("b", until: 3), request("c", until: 9)]
        for request in requests { queue.append(request) }
        #expect(queue.popFirst() === requests[0])
        #expect(queue.nextEnd == second(3))
        #expect(names(queue.removeExpired(second(4))) == "b")
        #expect(queue.nextEnd == second(9))
    }

    @Test func theNextEndIsNeverLateForOnesThatLeft() throws {
        var queue = RequestQueue()
        let requests = [request("a", until: 9), request("b", until: 3), request("c", until: 4)]
        for request in requests { queue.append(request) }
        #expect(queue.remove(requests[1]) == true)
        #expect(try #require(queue.nextEnd) <= second(4))
        #expect(names(queue.removeExpired(second(3))) == "")
        #expect(queue.nextEnd == second(4))
    }

    @Test func theListOfThoseOutOfOrderStaysSmall() throws {
        var queue = RequestQueue()
        queue.append(request("long", until: 1_000_000))
        for _ in 0..<10_000 {
            let short = request("short", until: 10)
            queue.append(short)
            #expect(queue.remove(short) == true)
        }
        #expect(queue.count == 1)
        let list = try #require(Mirror(reflecting: queue).children.first { $0.label == "outOfOrder" })
        #expect(Mirror(reflecting: list.value).children.count <= 128)
    }

    @Test func aQueueWithChanceAgreesWithAPlainList() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<50 {
            var queue = RequestQueue()
            var list: [NamedRequest] = []
            var now: UInt64 = 0
            for step in 0..<200 {
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<5:
                    list.append(request("\(step)", until: now + .random(in: 1...20, using: &generator)))
                    queue.append(list[list.count - 1])
                case 5, 6:
                    #expect(queue.popFirst() === (list.isEmpty ? nil : list.removeFirst()))
                case 7 where !list.isEmpty:
                    let index = Int.random(in: 0..<list.count, using: &generator)
                    #expect(queue.remove(list.remove(at: index)) == true)
                default:
                    now += 1
                    let expired = queue.removeExpired(second(now))
                    #expect(Set(expired.map(ObjectIdentifier.init)).count == expired.count)
                    #expect(expired.allSatisfy { $0.waitsUntil <= second(now) })
                    list.removeAll { $0.waitsUntil <= second(now) }
                    let next = list.map(\.waitsUntil).min()
                    #expect(next == nil ? queue.nextEnd == nil : (queue.nextEnd ?? .distantFuture) <= next!)
                }
                #expect(queue.count == list.count)
                #expect(queue.first === list.first)
            }
        }
    }
}
