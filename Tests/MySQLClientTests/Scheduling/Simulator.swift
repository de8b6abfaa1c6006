import NIOCore

@_spi(Scheduling) @testable import MySQLClient

extension NIODeadline {
    static func nanosecond(_ time: Int) -> NIODeadline { .uptimeNanoseconds(UInt64(time)) }
}

/// Drives a state machine through a history: callers, a network, a server and faults, in virtual time.
///
/// It keeps its own account of what the machine should know, and compares the two after every event.
final class Simulator {
    enum Event {
        case call(Int)
        case cancel(SimulatedRequest)
        case eventLoop(Int)
        case attemptEnds(Int, isHopeless: Bool)
        case question(Int)
        case executed(Int)
        case committed(Int)
        case arrival(Int)
        case answer(Int)
        case broken(Int)
        case timer(Int)
        case loss
        case leave
        case silence
        case faultsEnd
        case close
    }

    let seed: UInt64
    let scenario: Scenario
    let fault: PlantedFault?
    var random: SplitMix64
    var machine: SchedulerStateMachine
    var events = EventHeap<Event>()
    var server: SimulatedServer
    /// The processors of the client.
    var client: SimulatedServer
    var now = 0
    var steps = 0
    var timerNumber = 0
    var batchNumber = 0
    var connections: [Int: SimulatedConnection] = [:]
    var batches: [Int: SimulatedBatch] = [:]
    var books: SimulatorBooks
    /// The connection whose batch has just ended: it takes the next one before answers are handed out.
    var current: Int?
    /// Whether its account is compared with the machine's after every event.
    var isChecked = true
    /// The first violation.
    var violation: String?

    init(_ scenario: Scenario, seed: UInt64, fault: PlantedFault? = nil) {
        self.seed = seed
        self.scenario = scenario
        self.fault = fault
        random = SplitMix64(seed: seed &+ 1)
        server = SimulatedServer(cores: scenario.cores)
        client = SimulatedServer(cores: scenario.cores)
        var configuration = SchedulerStateMachine.Configuration(
            maximumConnections: scenario.maximumConnections, maximumQueuedOperations: scenario.maximumQueuedOperations,
            idleTimeout: .nanoseconds(Int64(scenario.idleTimeout)), maximumLifetime: .hours(1))
        configuration.maximumOpening = scenario.maximumOpening
        configuration.shortestBackoff = .nanoseconds(Int64(scenario.shortestBackoff))
        configuration.longestBackoff = .nanoseconds(Int64(scenario.longestBackoff))
        machine = SchedulerStateMachine(configuration)
        books = SimulatorBooks(scenario)
        for lane in scenario.lanes.dropFirst(2) {
            var policy = lane.policy
            if fault == .brokenLimit { policy.maximumBatches = (policy.maximumBatches ?? 1) + 1 }
            _ = machine.addLane(policy)
        }
    }

    var time: NIODeadline { .nanosecond(now) }

    /// - Returns: The violation, with the seed that repeats it; nil: none.
    func run(stepLimit: Int = 50_000) -> String? {
        begin()
        while violation == nil, let (time, event) = events.removeFirst() {
            now = time
            steps += 1
            check(steps < stepLimit, "it does not come to rest")
            handle(event)
            if isChecked { checkState() }
        }
        if violation == nil { checkEnd() }
        return violation.map { "seed \(seed), at \(now) ns, step \(steps): \($0)" }
    }

    private func begin() {
        for index in scenario.callers.indices { events.add(.call(index), at: index) }
        for time in scenario.losses { events.add(.loss, at: time) }
        for time in scenario.leaves { events.add(.leave, at: time) }
        if let silence = scenario.silence { events.add(.silence, at: silence.lowerBound) }
        events.add(.faultsEnd, at: scenario.faultsEnd)
        if let time = scenario.closes { events.add(.close, at: time) }
    }

    private func handle(_ event: Event) {
        switch event {
        case .call(let caller): call(caller)
        case .cancel(let request): cancel(request)
        case .eventLoop(let id): take(id)
        case .attemptEnds(let id, let isHopeless): attemptEnds(id, isHopeless)
        case .question(let number): question(number)
        case .executed(let number): executed(number)
        case .committed(let lane): committed(lane)
        case .arrival(let number): arrival(number)
        case .answer(let number): answer(number)
        case .broken(let number): breakOff(number)
        case .timer(let number): timerFires(number)
        case .loss: loseOne()
        case .leave: leaveServer()
        case .silence: for id in connections.keys.sorted() where random.chance(0.8) { connections[id]?.isSilent = true }
        case .faultsEnd: resetSilent()
        case .close:
            books.isClosed = true
            perform(machine.close())
        }
    }

    /// A fault that was planted comes about.
    func strikes(_ kind: PlantedFault, chance: Double = 0.2) -> Bool {
        fault == kind && random.chance(chance)
    }

    func loopDelay() -> Int {
        random.chance(scenario.slowLoopChance)
            ? random.number(scenario.loopDelay...scenario.slowLoopDelay) : scenario.loopDelay
    }
}

/// Faults planted in the driver of the machine, or in the machine.
enum PlantedFault: String, CaseIterable, Sendable {
    case forgottenEnd, forgottenLoss, forgottenCancel, forgottenTimer, forgottenSchedule, forgottenOpen
    case forgottenClose, forgottenExpiry, forgottenAbandon, forgottenFailure, forgottenAllClosed
    case secondAnswer, secondOpen, secondAllClosed, failureUnderWay
    case lastFirst, leftOut, wrongLane, brokenLimit, lateTimer, forgottenLeaving
}
