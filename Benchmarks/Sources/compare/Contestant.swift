import FedifyKv
import FedifyKvBench
import FedifyMySQL
import Foundation
import MySQLClient
import Support

/// Who takes part.
enum Contestant: String, CaseIterable {
    case ours
    /// Ours, measured and traced.
    case observed = "ours, observed"
    case off = "ours, coalescing off"
    case cOne = "C one"
    case cMany = "C many"
}

/// A workload at a number of callers.
struct Cell: Hashable {
    let workload: Workload
    let callers: Int
    let contestants: [Contestant]
}

/// What a contestant reached in one round.
struct Score: Decodable {
    var perSecond: Double
    var p50: Double
    var p99: Double
    var cpu: Double

    /// The median of each figure by itself.
    static func median(_ scores: [Score]) -> Score {
        func middle(_ path: KeyPath<Score, Double>) -> Double {
            scores.map { $0[keyPath: path] }.sorted()[scores.count / 2]
        }
        return Score(perSecond: middle(\.perSecond), p50: middle(\.p50), p99: middle(\.p99), cpu: middle(\.cpu))
    }

    init(perSecond: Double, p50: Double, p99: Double, cpu: Double) {
        (self.perSecond, self.p50, self.p99, self.cpu) = (perSecond, p50, p99, cpu)
    }

    private enum CodingKeys: CodingKey { case operations, seconds, p50, p99, cpu }

    /// From a line of the C program.
    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        perSecond = try values.decode(Double.self, forKey: .operations) / values.decode(Double.self, forKey: .seconds)
        p50 = try values.decode(Double.self, forKey: .p50)
        p99 = try values.decode(Double.self, forKey: .p99)
        cpu = try values.decode(Double.self, forKey: .cpu)
    }
}

/// The C program, and how many threads suit it best.
struct CLimit {
    let configuration: MySQLConfiguration
    let password: String
    let table: String

    func run(
        _ workload: Workload, threads: Int, keys: Int, seconds: Double, warmUp: Double
    ) throws -> Score {
        guard case .tcp(let host, let port) = configuration.addresses[0] else {
            throw Failure(description: "the benchmark needs a server that listens on TCP")
        }
        let child = try ChildProcess(
            [
                host, "\(port)", configuration.user, password, configuration.database, table, workload.rawValue,
                "\(threads)", "\(keys)", "\(seconds)", "\(warmUp)",
            ], program: "c-limit")
        return try JSONDecoder().decode(Score.self, from: child.output())
    }

    /// The number of threads, from 1 to 16, that does the most.
    func bestThreads(_ workload: Workload, keys: Int, seconds: Double) throws -> Int {
        try [1, 2, 4, 8, 16].map { threads in
            (threads, try run(workload, threads: threads, keys: keys, seconds: seconds, warmUp: 0.1).perSecond)
        }.max { $0.1 < $1.1 }?.0 ?? 1
    }
}
