import Foundation
import Support

/// The C program.
struct CQueue {
    enum Workload: String {
        case take, both, ordered, claim, insert, read
    }

    struct Score: Decodable {
        let operations: Double
        let seconds: Double
        /// Of a step, in microseconds.
        let p50: Double

        var perSecond: Double { operations / seconds }
    }

    private let url: URLComponents
    private let table: String

    init(url: String, table: String) throws {
        guard let components = URLComponents(string: url), components.host != nil else {
            throw Failure(description: "the benchmark needs the URL of a server that listens on TCP")
        }
        self.url = components
        self.table = table
    }

    func run(_ workload: Workload, threads: Int, seconds: Double) throws -> Score {
        try JSONDecoder().decode(Score.self, from: output(workload.rawValue, threads, seconds))
    }

    /// The number of threads that does the most, on a table that was prepared for each.
    func bestThreads(
        _ workload: Workload, of numbers: [Int], seconds: Double, prepare: () async throws -> Void
    ) async throws -> Int {
        var best = (threads: 1, perSecond: 0.0)
        for threads in numbers {
            try await prepare()
            let rate = try run(workload, threads: threads, seconds: seconds).perSecond
            say("C, \(workload), \(threads) threads: \(Int(rate))/s")
            if rate > best.perSecond { best = (threads, rate) }
        }
        return best.threads
    }

    /// What the server calls itself.
    func serverVersion() throws -> String {
        let version = String(decoding: try output("server", 1, 1), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return "\(version.contains("MariaDB") ? "MariaDB" : "MySQL") \(version)"
    }

    private func output(_ workload: String, _ threads: Int, _ seconds: Double) throws -> Data {
        try ChildProcess(
            [
                url.host ?? "", "\(url.port ?? 3306)", url.user ?? "", url.password ?? "",
                String(url.path.dropFirst()), table, workload, "\(threads)", "\(seconds)",
            ], program: "c-queue"
        ).output()
    }
}
