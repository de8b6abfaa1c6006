import Foundation

/// What a contestant reached in one round: latencies in microseconds, its CPU in microseconds for an operation.
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

    private init(perSecond: Double, p50: Double, p99: Double, cpu: Double) {
        (self.perSecond, self.p50, self.p99, self.cpu) = (perSecond, p50, p99, cpu)
    }

    private enum CodingKeys: CodingKey { case operations, seconds, p50, p99, cpu }

    /// From the line that every contestant's program prints.
    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        perSecond = try values.decode(Double.self, forKey: .operations) / values.decode(Double.self, forKey: .seconds)
        p50 = try values.decode(Double.self, forKey: .p50)
        p99 = try values.decode(Double.self, forKey: .p99)
        cpu = try values.decode(Double.self, forKey: .cpu)
    }
}
