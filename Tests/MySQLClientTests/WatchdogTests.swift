import Foundation
import Testing

@testable import MySQLClient

@Suite struct WatchdogTests {
    @Test func actionsRunAtTheirDeadlinesAndInTheirOrder() async {
        let (fired, continuation) = AsyncStream.makeStream(of: Int.self)
        let start = ContinuousClock.now
        for (index, milliseconds) in [(2, 120), (0, 20), (1, 70)] {
            _ = Watchdog.shared.schedule(at: start + .milliseconds(milliseconds)) { continuation.yield(index) }
        }
        var order: [Int] = []
        for await index in fired {
            #expect(start.duration(to: .now) >= .milliseconds([20, 70, 120][index]))
            order.append(index)
            if order.count == 3 { break }
        }
        #expect(order == [0, 1, 2])
    }

    @Test func aCancelledActionDoesNotRun() async {
        let (fired, continuation) = AsyncStream.makeStream(of: String.self)
        let token = Watchdog.shared.schedule(at: .now + .milliseconds(30)) { continuation.yield("cancelled") }
        _ = Watchdog.shared.schedule(at: .now + .milliseconds(60)) { continuation.finish() }
        Watchdog.shared.cancel(token)
        for await name in fired { Issue.record("\(name)") }
    }
}
