import ArgumentParser
import FedifyMySQL
import MySQLClient

struct IdleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "What a listener costs that finds nothing.",
        discussion: "Statements are those of the whole server: nothing else should use it.")

    @OptionGroup var bench: BenchArguments

    @Option(help: "The duration of the measurement, in seconds.")
    var duration = 10.0

    @Option(help: "Delayed messages in the table, which are due in a day.")
    var delayed = 0

    func validate() throws {
        guard duration > 0, duration <= 86400 else {
            throw ValidationError("--duration must be more than zero, and at most a day.")
        }
        guard (0...10_000_000).contains(delayed) else {
            throw ValidationError("--delayed must be from 0 to 10000000.")
        }
    }

    func run() async throws {
        try await bench.measure { [bench, duration, delayed] queue in
            for start in stride(from: 0, to: delayed, by: 1000) {
                let messages = (start..<min(start + 1000, delayed)).map { bench.message($0) }
                try await queue.enqueue(messages, delay: .seconds(86400), orderingKey: nil)
            }
            let listening = Task { try await queue.listen(concurrency: 16) { _ in } }
            // Until its looks are as far apart as they get.
            try await Task.sleep(for: .seconds(2))
            let (before, busy, begun) = (try await Self.statements(queue), Figures.cpuSeconds(), ContinuousClock.now)
            try await Task.sleep(for: .seconds(duration))
            let seconds = begun.duration(to: .now) / .seconds(1)
            let (after, busyAfter) = (try await Self.statements(queue), Figures.cpuSeconds())
            listening.cancel()
            try await listening.value
            var figures = Figures("idle", count: 0, seconds: seconds)
            // Without the one that asks.
            figures.statementsPerSecond = (Double(after - before - 1) / seconds).rounded(toPlaces: 2)
            figures.cpuPerSecond = ((busyAfter - busy) * 1e6 / seconds).rounded(toPlaces: 1)
            return [figures]
        }
    }

    /// How many statements the server has executed.
    private static func statements(_ queue: MySQLMessageQueue) async throws -> Int {
        try await queue.withConnection { connection in
            let rows = try await connection.unpreparedRows(
                "SHOW GLOBAL STATUS LIKE 'Questions'", maximumRows: 1)
            return Int(rows.first?.integer(1) ?? 0)
        }
    }
}
