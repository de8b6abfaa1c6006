import Synchronization

/// The server's counters, and the store's speed in the last minute.
final class Measurements: Sendable {
    /// An activity that was handled.
    struct Handled: Sendable, Encodable {
        var type: String
        var actor: String
        var host: String
    }

    /// One second of the last minute.
    struct Second: Sendable, Encodable {
        var operations = 0
        /// Of the store's operations, in milliseconds; nil: there were none.
        var median: Double?
        var percentile95: Double?
    }

    struct Snapshot: Sendable, Encodable {
        /// The last sixty seconds that are over, the oldest first.
        var seconds: [Second] = []
        var operations: [String: Int] = [:]
        /// Actors that were in the store, and that were not.
        var hits = 0
        var misses = 0
        /// How many requests were answered with each status.
        var answers: [String: Int] = [:]
        /// The newest first.
        var recent: [Handled] = []
    }

    private struct State {
        var totals = Snapshot()
        /// For each second of the clock that had operations: their milliseconds, of the first thousand.
        var recent: [Int: (count: Int, sample: [Double])] = [:]
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    private var second: Int { Int((ContinuousClock.now - start) / .seconds(1)) }

    func took(_ duration: Duration, _ operation: String) {
        let second = second
        state.withLock { state in
            state.totals.operations[operation, default: 0] += 1
            if state.recent[second] == nil { state.recent = state.recent.filter { $0.key >= second - 61 } }
            state.recent[second, default: (0, [])].count += 1
            if state.recent[second]!.sample.count < 1000 {
                state.recent[second]!.sample.append(duration / .milliseconds(1))
            }
        }
    }

    func looked(found: Bool) {
        state.withLock { if found { $0.totals.hits += 1 } else { $0.totals.misses += 1 } }
    }

    func answered(_ status: Int) {
        state.withLock { $0.totals.answers[String(status), default: 0] += 1 }
    }

    func handled(_ activity: Handled) {
        state.withLock { $0.totals.recent = [activity] + $0.totals.recent.prefix(9) }
    }

    var snapshot: Snapshot {
        let second = second
        return state.withLock { state in
            var snapshot = state.totals
            snapshot.seconds = (second - 60..<second).map { number in
                guard let (count, sample) = state.recent[number] else { return Second() }
                let sorted = sample.sorted()
                return Second(
                    operations: count, median: sorted[sorted.count / 2],
                    percentile95: sorted[min(sorted.count - 1, sorted.count * 95 / 100)])
            }
            return snapshot
        }
    }
}
