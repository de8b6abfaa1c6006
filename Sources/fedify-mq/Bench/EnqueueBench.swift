import ArgumentParser
import FedifyMySQL

struct EnqueueBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue", abstract: "Messages of concurrent callers.",
        discussion: """
            Each caller waits for its call before the next one, so the latencies don't include what callers at a fixed \
            rate would wait (coordinated omission).
            """)

    @OptionGroup var bench: BenchArguments

    @Option(help: "The number of messages.")
    var count = 100_000

    @Option(help: "The number of callers.")
    var callers = 64

    @Option(help: "The number of messages in a call.")
    var batch = 1

    func validate() throws {
        guard (1...10_000_000).contains(count), (1...10_000).contains(callers), (1...10_000).contains(batch) else {
            throw ValidationError("--count must be from 1 to 10000000, --callers and --batch from 1 to 10000.")
        }
    }

    func run() async throws {
        try await bench.measure { [bench, count, callers, batch] queue in
            let calls = max(1, count / batch / callers)
            let messages = (0..<batch).map { bench.message($0) }
            let busy = Figures.cpuSeconds()
            let begun = ContinuousClock.now
            let latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
                for _ in 0..<callers {
                    group.addTask {
                        var latencies: [Duration] = []
                        for _ in 0..<calls {
                            let start = ContinuousClock.now
                            try await queue.enqueue(messages, delay: .zero, orderingKey: nil)
                            latencies.append(start.duration(to: .now))
                        }
                        return latencies
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let done = calls * callers * batch
            var figures = Figures(
                "enqueue", count: done, seconds: begun.duration(to: .now) / .seconds(1), latencies: latencies)
            figures.cpuPerMessage = ((Figures.cpuSeconds() - busy) * 1e6 / Double(done)).rounded(toPlaces: 1)
            return [figures]
        }
    }
}
