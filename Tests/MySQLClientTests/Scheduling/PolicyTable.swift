import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

/// Compares fixed numbers of batches under way with what ``BatchPolicy`` chooses, by simulation.
struct PolicyTable {
    struct Cell: Sendable, CustomTestStringConvertible {
        let lane: String
        /// In microseconds.
        let roundTrip: Int
        let callers: Int

        var testDescription: String { "\(lane), \(roundTrip) µs, \(callers) callers" }
    }

    struct Result {
        /// Answers in a second.
        let throughput: Double
        /// In microseconds.
        let latency: Double
        let rowsPerBatch: Double
    }

    static let fixedNumbers = [2, 4, 8, 10]
    static let roundTrips = [50, 100, 200, 300, 500, 1000, 2000, 5000]
    static let callers = [1, 8, 64, 256]
    static let lanes: KeyValuePairs = ["get": Scenario.get, "set": Scenario.set, "cas": Scenario.cas]

    static let cells = lanes.flatMap { lane in
        roundTrips.flatMap { trip in callers.map { Cell(lane: lane.key, roundTrip: trip, callers: $0) } }
    }

    /// Changes the scenario, to see what the outcome depends on.
    var adjust: @Sendable (inout Scenario) -> Void = { _ in }
    /// How long each simulation lasts, relative to the usual time.
    var length = 1.0

    /// - Parameters:
    ///   - cell: What is simulated.
    ///   - batches: How many batches may be under way; nil: what the policy chooses.
    /// - Returns: The decision.
    func simulate(_ cell: Cell, batches: Int?) -> Result {
        var scenario = Scenario()
        guard var lane = Self.lanes.first(where: { $0.key == cell.lane })?.value else { preconditionFailure() }
        if let batches {
            lane.policy.isAdaptive = false
            lane.policy.maximumBatches = batches
        }
        scenario.lanes = [Scenario.exclusive, Scenario.termination, lane]
        scenario.callers = Array(repeating: Scenario.Caller(lane: 2, pause: 0), count: cell.callers)
        scenario.roundTrip = cell.roundTrip * 1000
        scenario.jitter = scenario.roundTrip / 10
        scenario.idleTimeout = 1_000_000_000_000
        // Fifty microseconds: on the same machine.
        scenario.clientCores = cell.roundTrip <= 50 ? .server : .own
        scenario.perBatch = 15_000
        scenario.perAnswer = 2_000
        let usual = max(12_000_000, 24 * scenario.roundTrip)
        scenario.end = Int(Double(usual) * length)
        adjust(&scenario)
        let simulator = Simulator(scenario, seed: 1)
        simulator.isChecked = false
        let violation = simulator.run()
        #expect(violation == nil)
        let begin = scenario.end / 4
        let answered = simulator.books.requests.filter { $0.settled >= begin && $0.settled < scenario.end }
        let latency = answered.reduce(0) { $0 + $1.settled - Int($1.created.uptimeNanoseconds) }
        return Result(
            throughput: Double(answered.count) * 1e9 / Double(scenario.end - begin),
            latency: Double(latency) / 1000 / Double(max(1, answered.count)),
            rowsPerBatch: Double(simulator.books.requests.count) / Double(max(1, simulator.batchNumber)))
    }

    /// The table in Markdown.
    func text() -> String {
        let numbers = Self.fixedNumbers.map { "\($0)" }.joined(separator: " | ")
        var lines = ["| lane | µs | callers | \(numbers) | policy | of best | latency | rows |"]
        for cell in Self.cells {
            let fixed = Self.fixedNumbers.map { simulate(cell, batches: $0) }
            let policy = simulate(cell, batches: nil)
            let best = fixed.map(\.throughput).max() ?? 0
            let columns =
                ["\(cell.lane)", "\(cell.roundTrip)", "\(cell.callers)"]
                + (fixed + [policy]).map { "\(Int($0.throughput))" }
                + ["\((100 * policy.throughput / best).rounded() / 100)", "\(Int(policy.latency))"]
                + ["\((policy.rowsPerBatch * 10).rounded() / 10)"]
            lines.append("| \(columns.joined(separator: " | ")) |")
        }
        return lines.joined(separator: "\n")
    }
}
