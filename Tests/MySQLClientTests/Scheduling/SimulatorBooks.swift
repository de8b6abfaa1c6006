import NIOCore

@_spi(Scheduling) @testable import MySQLClient

/// The simulator's own account of what the machine should know.
struct SimulatorBooks {
    struct Lane {
        let policy: LanePolicy
        /// Requests in order of arrival. Those before `front` have left; others may have.
        var queue: [SimulatedRequest] = []
        var front = 0
        var waiting = 0
        var batches = 0
        var limits: BatchPolicy

        var first: SimulatedRequest? { front < queue.count ? queue[front] : nil }

        /// How many further batches it may begin.
        var wanted: Int {
            guard waiting > 0 else { return 0 }
            let eager = min(waiting, max(0, limits.eager - batches))
            return max(eager, min(waiting / policy.maximumRequests, max(0, limits.maximum - batches)))
        }
    }

    var lanes: [Lane] = []
    var requests: [SimulatedRequest] = []
    var cancelled: Set<ObjectIdentifier> = []
    /// Abandoned batches.
    var abandoned: Set<Int> = []
    var faultyRequests = 0
    var calmRequests = 0
    var waiting = 0
    var generation = 0
    var failures = 0
    /// Until then no attempt may begin, if the last one failed.
    var pauseEnds = 0
    /// An attempt has just failed permanently, and there is no connection.
    var isFinalFailure = false
    /// A request has just come though as many wait as may.
    var isFull = false
    var isClosed = false
    var allClosed = 0
    var timer = NIODeadline.distantFuture
    /// The inputs of the limits.
    private var roundTrip: TimeAmount?
    private let connections: Int
    private let longestWait: @Sendable (Int) -> Int
    private let maximumQueuedOperations: Int

    init(_ scenario: Scenario) {
        connections = scenario.maximumConnections
        maximumQueuedOperations = scenario.maximumQueuedOperations
        let batch = scenario.longestBatch(rows: scenario.lanes.map(\.policy.maximumRequests).max() ?? 1)
        let opening = scenario.opening.upperBound
        // At worst each request goes alone, with a connection that must be opened.
        longestWait = { ($0 + 1) * (batch + opening) }
        for lane in scenario.lanes {
            let limits = BatchPolicy(lane.policy, roundTrip: nil, connections: connections)
            lanes.append(Lane(policy: lane.policy, limits: limits))
        }
    }

    mutating func enqueue(_ request: SimulatedRequest, _ now: Int) {
        request.state = .waiting
        lanes[request.lane.rawValue].queue.append(request)
        lanes[request.lane.rawValue].waiting += 1
        waiting += 1
        isFull = waiting > maximumQueuedOperations
        request.longestWait = longestWait(waiting + lanes.reduce(0) { $0 + $1.batches })
    }

    /// A request that waited does so no more; its state will be changed.
    mutating func leaves(_ request: SimulatedRequest) {
        let lane = request.lane.rawValue
        waiting -= 1
        lanes[lane].waiting -= 1
        request.state = .new
        while let first = lanes[lane].first, first.state != .waiting { lanes[lane].front += 1 }
    }

    mutating func attemptFailed(_ now: Int, _ jitter: Double, _ scenario: Scenario) {
        guard failures == 0 || now >= pauseEnds else { return }
        failures += 1
        let pause = min(scenario.longestBackoff, scenario.shortestBackoff << min(failures - 1, 20))
        pauseEnds = now + Int(Double(pause) * (0.5 + jitter / 2))
    }

    mutating func follow(_ estimate: TimeAmount?) {
        guard estimate != roundTrip else { return }
        roundTrip = estimate
        for index in lanes.indices {
            lanes[index].limits = BatchPolicy(lanes[index].policy, roundTrip: estimate, connections: connections)
        }
    }
}
