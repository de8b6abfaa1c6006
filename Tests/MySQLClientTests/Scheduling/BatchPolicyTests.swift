import NIOCore
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct BatchPolicyTests {
    struct Row: CustomTestStringConvertible {
        var isAdaptive = true
        var isWrite = false
        var lane: Int?
        var connections = 16
        let roundTrip: Int64?
        let eager: Int
        let maximum: Int

        var testDescription: String { "\(self)" }
    }

    @Test(arguments: [
        // A short way, or one that isn't known.
        Row(roundTrip: nil, eager: 2, maximum: 2),
        Row(roundTrip: 0, eager: 2, maximum: 2),
        Row(roundTrip: 249, eager: 2, maximum: 2),
        Row(isWrite: true, roundTrip: nil, eager: 2, maximum: 4),
        Row(isWrite: true, roundTrip: 249, eager: 2, maximum: 4),
        // A long one.
        Row(roundTrip: 250, eager: 5, maximum: 5),
        Row(roundTrip: 499, eager: 5, maximum: 5),
        Row(roundTrip: 500, eager: 6, maximum: 6),
        Row(roundTrip: 1000, eager: 8, maximum: 8),
        Row(roundTrip: 1500, eager: 10, maximum: 10),
        Row(isWrite: true, roundTrip: 1500, eager: 10, maximum: 10),
        Row(roundTrip: 100_000, eager: 16, maximum: 16),
        // Connections are the limit.
        Row(connections: 1, roundTrip: nil, eager: 1, maximum: 1),
        Row(isWrite: true, connections: 3, roundTrip: nil, eager: 2, maximum: 3),
        Row(connections: 4, roundTrip: 1500, eager: 4, maximum: 4),
        // The lane's own limit.
        Row(lane: 1, roundTrip: 100, eager: 1, maximum: 1),
        Row(isWrite: true, lane: 3, roundTrip: 100, eager: 2, maximum: 3),
        Row(lane: 7, roundTrip: 1500, eager: 7, maximum: 7),
        Row(lane: 20, connections: 8, roundTrip: 1500, eager: 8, maximum: 8),
        // Lanes that don't follow the way.
        Row(isAdaptive: false, roundTrip: 100, eager: 16, maximum: 16),
        Row(isAdaptive: false, isWrite: true, roundTrip: nil, eager: 16, maximum: 16),
        Row(isAdaptive: false, lane: 5, roundTrip: 1500, eager: 5, maximum: 5),
    ])
    func theNumberOfBatchesFollowsTheRoundTrip(row: Row) {
        let lane = LanePolicy(maximumBatches: row.lane, isAdaptive: row.isAdaptive, isWrite: row.isWrite)
        let roundTrip = row.roundTrip.map(TimeAmount.microseconds)
        let policy = BatchPolicy(lane, roundTrip: roundTrip, connections: row.connections)
        #expect(policy.eager == row.eager)
        #expect(policy.maximum == row.maximum)
    }
}

@Suite struct RoundTripEstimateTests {
    struct Row: CustomTestStringConvertible {
        let name: String
        /// Seconds, microseconds.
        let samples: [(at: UInt64, time: Int64)]
        let estimate: Int64?

        var testDescription: String { name }
    }

    @Test(arguments: [
        Row(name: "nothing measured", samples: [], estimate: nil),
        Row(name: "one sample", samples: [(0, 300)], estimate: 300),
        Row(name: "the least counts", samples: [(0, 300), (1, 200), (2, 400)], estimate: 200),
        Row(name: "a long uptime", samples: [(1_000_000, 300), (1_000_001, 400)], estimate: 300),
        Row(name: "the window before counts", samples: [(0, 200), (31, 400)], estimate: 200),
        Row(name: "what is older does not", samples: [(0, 200), (31, 400), (62, 500)], estimate: 400),
        Row(name: "a shorter way counts at once", samples: [(0, 900), (31, 900), (32, 50)], estimate: 50),
        Row(name: "a window ends after thirty seconds", samples: [(30, 200), (60, 300)], estimate: 200),
        Row(name: "rest keeps what is known", samples: [(0, 200)], estimate: 200),
        Row(name: "after a long rest the way is new", samples: [(0, 200), (3600, 5000)], estimate: 5000),
    ])
    func theEstimateIsTheLeastOfLate(row: Row) {
        var estimate = RoundTripEstimate()
        for sample in row.samples {
            let now = NIODeadline.uptimeNanoseconds(sample.at * 1_000_000_000)
            estimate.add(.microseconds(sample.time), now: now)
        }
        #expect(estimate.value == row.estimate.map(TimeAmount.microseconds))
    }
}
