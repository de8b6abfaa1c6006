import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation

struct Depth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows how many messages wait and are dead; over time with --watch.",
        discussion: """
            Ready messages can be delivered now; delayed ones have a delay, wait to be tried again, or are in work. \
            The server reads an index of the whole table. With --watch, a terminal shows a chart until Ctrl-C; \
            elsewhere there is a line for each look.
            """)

    @OptionGroup var queue: QueueArguments
    @OptionGroup var output: OutputArguments

    @Flag(help: "Look again and again.")
    var watch = false

    @Option(help: "Seconds between two looks.")
    var interval = 1.0

    @Option(help: "The number of looks. Default: no limit.")
    var count: Int?

    func validate() throws {
        guard interval >= 0.05, interval <= 86400 else {
            throw ValidationError("--interval must be from 0.05 to 86400 seconds.")
        }
        guard count.map({ $0 > 0 }) ?? true else { throw ValidationError("--count must be at least 1.") }
    }

    struct Answer: Encodable {
        let queued: Int
        let ready: Int
        let delayed: Int
        let dead: Int
        /// Seconds that the first ready message has been ready; nil: there is none.
        let oldestReady: Double?
    }

    func run() async throws {
        try await queue.withQueue { queue in
            try await queue.requireTable()
            guard watch else {
                let answer = try await Self.look(queue)
                return try output.write(answer, Self.text(answer))
            }
            var chart = DepthChart(isDrawn: isatty(STDOUT_FILENO) == 1 && !output.json)
            var looks = 0
            while true {
                let answer = try await Self.look(queue)
                if chart.isDrawn {
                    try StandardOutput.shared.write(chart.frame(adding: answer))
                } else {
                    try output.write(answer, Self.line(answer))
                }
                looks += 1
                if let count, looks >= count { return }
                try await Task.sleep(for: .seconds(interval))
            }
        }
    }

    private static func look(_ queue: MySQLMessageQueue) async throws -> Answer {
        let depth = try await queue.depth()
        let oldest = try await queue.withConnection { [statements = queue.statements] connection in
            try await connection.rows(statements.oldestReady).rows.first?.integer(0)
        }
        return Answer(
            queued: depth.queued, ready: depth.ready, delayed: depth.delayed, dead: depth.dead,
            oldestReady: oldest.map { Double($0) / 1e6 })
    }

    private static func text(_ answer: Answer) -> String {
        let oldest = answer.oldestReady.map { "for up to \(Peek.time($0))" } ?? ""
        return TextTable([
            ["ready", "\(answer.ready)", oldest], ["delayed", "\(answer.delayed)", ""], ["dead", "\(answer.dead)", ""],
        ]).text
    }

    static func line(_ answer: Answer) -> String {
        "\(answer.ready) ready, \(answer.delayed) delayed, \(answer.dead) dead"
    }
}
