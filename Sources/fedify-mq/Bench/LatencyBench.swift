import ArgumentParser
import FedifyMQ
import FedifyMySQL
import Synchronization

struct LatencyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "The time from enqueue to handler, of single messages.",
        discussion: """
            Messages are enqueued one at a time, with a pause between them: once by the queue that listens, which is \
            woken, and once by another one, as of another process, which the listener has to look for.
            """)

    @OptionGroup var bench: BenchArguments

    @Option(help: "The number of messages of each kind.")
    var count = 200

    @Option(help: "Seconds between two messages.")
    var interval = 0.05

    @Option(parsing: .unconditional, help: "The messages' ordering key. Default: none.")
    var orderingKey: String?

    func validate() throws {
        guard (1...1_000_000).contains(count), interval >= 0, interval <= 3600 else {
            throw ValidationError("--count must be from 1 to 1000000, --interval from 0 to 3600 seconds.")
        }
    }

    func run() async throws {
        try await bench.measure { [bench, count, interval, orderingKey] queue in
            let other = try bench.open()
            let arrivals = AsyncStream<ContinuousClock.Instant>.makeStream()
            let listening = Task {
                try await queue.listen(concurrency: 16) { _ in arrivals.continuation.yield(.now) }
            }
            var arrived = arrivals.stream.makeAsyncIterator()
            var figures: [Figures] = []
            do {
                for (name, sender) in [("same process", queue), ("other process", other)] {
                    var latencies: [Duration] = []
                    let begun = ContinuousClock.now
                    for number in 0..<count {
                        try await Task.sleep(for: .seconds(interval))
                        let start = ContinuousClock.now
                        try await sender.enqueue([bench.message(number)], delay: .zero, orderingKey: orderingKey)
                        guard let end = await arrived.next() else { throw CancellationError() }
                        latencies.append(start.duration(to: end))
                    }
                    figures.append(
                        Figures(
                            name, count: count, seconds: begun.duration(to: .now) / .seconds(1), latencies: latencies))
                }
            } catch {
                listening.cancel()
                _ = await listening.result
                await other.pool.close()
                throw error
            }
            listening.cancel()
            try await listening.value
            await other.pool.close()
            return figures
        }
    }
}
