import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// The parameters of a simulated history. Times are in nanoseconds.
struct Scenario {
    struct Lane {
        var policy: LanePolicy
        /// The server's work for a batch.
        var fixed: Int
        var perRow: Int
        /// The disk's work, which batches share; 0: none.
        var commit = 0
        /// A batch of more than one asks twice.
        var asksTwice = false
        /// How long the holder of an exclusive connection keeps it at most.
        var lease = 0
    }

    enum ClientCores {
        case unlimited
        /// As many as the server has.
        case own
        /// Client and server share theirs.
        case server
    }

    struct Refusal {
        let period: Range<Int>
        let isFinal: Bool
    }

    /// Closed loop: calls again when answered. Open loop: calls whether it was answered or not.
    struct Caller {
        let lane: Int
        let pause: Int
        var isOpenLoop = false
    }

    // The pool.
    var maximumConnections = 10
    var maximumOpening = 4
    var maximumQueuedOperations = 100_000
    var idleTimeout = 1_000_000_000
    var lifetime = 1_000_000_000_000...1_000_000_000_000
    var shortestBackoff = 5_000_000
    var longestBackoff = 40_000_000
    // Network, server and client.
    var roundTrip = 100_000
    var jitter = 0
    var opening = 1_000_000...1_000_000
    var connectTimeout = 20_000_000
    var cores = 2
    var loopDelay = 5_000
    var slowLoopChance = 0.0
    var slowLoopDelay = 2_000_000
    var clientCores = ClientCores.unlimited
    /// The client's work for a batch, and to hand out one of its answers.
    var perBatch = 0
    var perAnswer = 1_000
    var timerLateness = 0
    // Lanes and callers. The first lane is that of exclusive connections, the second has precedence.
    var lanes: [Lane] = []
    var callers: [Caller] = []
    var waits = 1_000_000_000...1_000_000_000
    var deadlines = 1_000_000_000...1_000_000_000
    /// Bytes of a request. The limit of a batch is 1000.
    var sizes = 1...1
    // Faults.
    var cancelChance = 0.0
    var losses: [Int] = []
    var leaves: [Int] = []
    var refusals: [Refusal] = []
    var silence: Range<Int>?
    var closes: Int?
    // From `faultsEnd` on nothing goes wrong any more; from `calm` on everything works.
    var faultsEnd = 0
    var calm = 0
    var end = 0
    var faultyRequests = 0
    var calmRequests = Int.max
}

extension Scenario {
    static let exclusive = Lane(policy: LanePolicy(), fixed: 20_000, perRow: 0)
    static let termination = Lane(policy: LanePolicy(), fixed: 20_000, perRow: 0)
    static let direct = Lane(policy: LanePolicy(), fixed: 40_000, perRow: 0)
    /// Like MariaDB's on the same machine.
    static let get = Lane(policy: LanePolicy(maximumRequests: 128, isAdaptive: true), fixed: 25_000, perRow: 2_500)
    static let set = Lane(
        policy: LanePolicy(maximumRequests: 128, isAdaptive: true, isWrite: true, batchSize: bucket), fixed: 60_000,
        perRow: 8_000, commit: 150_000)
    static let cas = Lane(
        policy: LanePolicy(
            maximumRequests: 128, isAdaptive: true, isWrite: true, prefersSingles: true, batchSize: bucket),
        fixed: 60_000, perRow: 8_000, commit: 150_000, asksTwice: true)

    /// Writes come in batches of few sizes, so that few statements need be prepared.
    private static let bucket: @Sendable (Int) -> Int = { count in
        let power = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
        return count > 1 && count >= power + power / 2 ? power + power / 2 : power
    }

    /// A random history: short, so that thousands can be run.
    init(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let millisecond = 1_000_000
        maximumConnections = random.number(1...8)
        maximumOpening = random.number(1...5)
        maximumQueuedOperations = random.chance(0.2) ? random.number(1...8) : 1000
        idleTimeout = random.number(2...60) * millisecond
        lifetime = random.chance(0.5) ? 2 * millisecond...30 * millisecond : 10_000 * millisecond...20_000 * millisecond
        shortestBackoff = random.number(1...10) * millisecond
        longestBackoff = random.number(10...40) * millisecond
        roundTrip = [30_000, 100_000, 240_000, 300_000, 1_000_000, 3_000_000][random.number(0...5)]
        jitter = random.number(0...roundTrip)
        opening = roundTrip...(3 * roundTrip + random.number(0...5) * millisecond)
        connectTimeout = random.number(5...30) * millisecond
        cores = random.number(1...3)
        slowLoopChance = random.chance(0.3) ? 0.1 : 0
        timerLateness = random.chance(0.5) ? random.number(1...3) * millisecond : 0
        lanes = [Self.exclusive, Self.termination, Self.direct, Self.get, Self.set, Self.cas, Self.get]
        lanes[0].lease = random.number(0...4) * millisecond
        for index in lanes.indices.dropFirst(2) {
            if lanes[index].policy.isAdaptive { lanes[index].policy.maximumRequests = random.number(1...12) }
            if random.chance(0.3) { lanes[index].policy.maximumBatches = random.number(1...4) }
        }
        for _ in 0..<random.number(1...10) {
            let pause = random.number(0...4) * millisecond
            let lane = random.chance(0.05) ? 1 : [0, 2, 3, 4, 5, 6][random.number(0...5)]
            callers.append(Caller(lane: lane, pause: pause, isOpenLoop: random.chance(0.2)))
        }
        waits = random.number(1...5) * millisecond...random.number(5...60) * millisecond
        deadlines = random.number(1...10) * millisecond...random.number(10...80) * millisecond
        sizes = random.chance(0.5) ? 1...1 : 1...600
        addFaults(&random)
    }

    private mutating func addFaults(_ random: inout SplitMix64) {
        let millisecond = 1_000_000
        faultsEnd = random.number(10...120) * millisecond
        func moment() -> Int { random.number(0...faultsEnd - 1) }
        func period() -> Range<Int> {
            let (first, second) = (moment(), moment())
            return min(first, second)..<max(first, second) + 1
        }
        if random.chance(0.5) { cancelChance = 0.2 }
        if random.chance(0.5) { losses = (0..<random.number(1...8)).map { _ in moment() } }
        if random.chance(0.3) { leaves = (0..<random.number(1...3)).map { _ in moment() } }
        if random.chance(0.4) {
            refusals = (0..<random.number(1...3)).map { _ in Refusal(period: period(), isFinal: random.chance(0.4)) }
        }
        if random.chance(0.4) { silence = period() }
        calm = faultsEnd + max(longestBackoff, connectTimeout) + longestBackoff
        end = calm + 20 * millisecond
        if random.chance(0.3) { closes = random.number(0...end) }
        faultyRequests = 60
        calmRequests = 20
    }

    /// Whether some callers come before all others, however many they are.
    var hasPrecedence: Bool { callers.contains { $0.lane == LaneID.termination.rawValue } }

    func refusal(at time: Int) -> Refusal? { refusals.first { $0.period.contains(time) } }

    func isSilent(at time: Int) -> Bool { silence?.contains(time) == true }

    /// The maximum time of a batch without faults.
    func longestBatch(rows: Int) -> Int {
        let work = lanes.map { $0.fixed + $0.perRow * rows + 2 * $0.commit }.max() ?? 0
        return 2 * (roundTrip + jitter + maximumConnections * work) + loopDelay + slowLoopDelay + rows * perAnswer
            + (lanes.first?.lease ?? 0)
    }
}
