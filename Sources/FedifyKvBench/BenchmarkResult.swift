public import FedifyKv
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import Histogram

/// The result of a workload.
///
/// The loops are closed: a caller sends its next request after the answer. While the store is slow, fewer operations
/// are sent, so the percentiles don't include the waiting time of callers at a fixed rate
/// (coordinated omission). They are fit to compare stores at the same number of callers, not to promise a latency.
public struct BenchmarkResult: Codable, Sendable {
    /// The workload.
    public var workload: String
    /// How many callers did it.
    public var callers: Int
    /// How many operations were done.
    public var operations: Int
    /// In how many seconds.
    public var seconds: Double
    /// Operations a second.
    public var perSecond: Double
    /// Percentiles of the latency, in microseconds.
    public var p50: Double
    /// The same.
    public var p90: Double
    /// The same.
    public var p99: Double
    /// The same.
    public var p999: Double
    /// The longest latency, in microseconds.
    public var longest: Double
    /// CPU time of this process for an operation, in microseconds.
    public var cpuPerOperation: Double

    /// Runs a workload's callers for a warm-up, which doesn't count, and then for the time that is measured.
    ///
    /// - Parameters:
    ///   - workload: What they do.
    ///   - store: The store; it holds the rows.
    ///   - rows: Which rows it holds.
    ///   - callers: How many there are.
    ///   - firstCaller: The number of the first: processes that work at the same time have different ones.
    ///   - warmUp: How long the warm-up takes.
    ///   - duration: How long is measured.
    ///   - executors: Where the callers' tasks prefer to run, one after the other in turn; none: on Swift's own pool of
    ///     threads.
    /// - Returns: The result.
    /// - Throws: The store's errors; ``WorkloadFailure`` for a wrong result.
    public static func of(
        _ workload: Workload, on store: some KvStore, rows: Rows, callers: Int, firstCaller: Int = 0,
        warmUp: Duration, duration: Duration, executors: [any TaskExecutor] = []
    ) async throws -> BenchmarkResult {
        let numbers = firstCaller..<firstCaller + callers
        func load(_ duration: Duration, isWarmUp: Bool) async throws -> (Latencies, Int) {
            let end = ContinuousClock.now + duration
            return try await withThrowingTaskGroup(of: (Latencies, Int).self) { group in
                for worker in numbers {
                    let caller = Caller(store, rows, worker: worker, isWarmUp: isWarmUp)
                    group.addTask(executorPreference: executors.isEmpty ? nil : executors[worker % executors.count]) {
                        try await measure(caller, workload, until: end, Latencies.ofOne(among: callers))
                    }
                }
                var all = (Latencies.ofOne(among: callers), 0)
                for try await (latencies, count) in group {
                    all.0.add(latencies)
                    all.1 += count
                }
                return all
            }
        }
        if warmUp > .zero { _ = try await load(warmUp, isWarmUp: true) }
        let busy = cpuSeconds()
        let start = ContinuousClock.now
        let (histogram, operations) = try await load(duration, isWarmUp: false)
        let seconds = start.duration(to: .now) / .seconds(1)
        func percentile(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
        return BenchmarkResult(
            workload: workload.rawValue, callers: callers, operations: operations, seconds: seconds,
            perSecond: Double(operations) / seconds, p50: percentile(50), p90: percentile(90), p99: percentile(99),
            p999: percentile(99.9), longest: Double(histogram.max) / 1000,
            cpuPerOperation: (cpuSeconds() - busy) * 1e6 / Double(max(1, operations)))
    }

    private typealias Latencies = Histogram<UInt32>

    private static func measure(
        _ caller: Caller<some KvStore>, _ workload: Workload, until end: ContinuousClock.Instant, _ none: Latencies
    ) async throws -> (Latencies, Int) {
        var caller = caller
        var latencies = none
        var count = 0
        repeat {
            let (operations, time) = try await caller.step(workload)
            count += operations
            latencies.record(UInt64(max(1, time / .nanoseconds(1))))
        } while .now < end && !Task.isCancelled
        return (latencies, count)
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
        #else
            getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

extension Histogram<UInt32> {
    /// From a nanosecond to an hour, with three digits, or with two where callers are many: each has one, and the third
    /// digit takes eight times the memory.
    fileprivate static func ofOne(among callers: Int) -> Self {
        Self(
            highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: callers > 8 ? .two : .three)
    }
}
