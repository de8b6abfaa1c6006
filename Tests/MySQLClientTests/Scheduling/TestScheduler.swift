import NIOCore

@_spi(Scheduling) @testable import MySQLClient

final class NamedRequest: ScheduledRequest, @unchecked Sendable {
    // Safe: a constant is all it adds.
    let name: String

    init(_ name: String, lane: LaneID, size: Int = 1, waitsUntil: NIODeadline, deadline: NIODeadline) {
        self.name = name
        super.init(lane: lane, size: size, created: .uptimeNanoseconds(0), waitsUntil: waitsUntil, deadline: deadline)
    }
}

/// A state machine with a clock that stands still until it is moved. Actions come as text, timers left out.
struct TestScheduler {
    typealias ID = SchedulerStateMachine.ConnectionID

    var machine: SchedulerStateMachine
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private(set) var requests: [String: NamedRequest] = [:]

    init(
        maximum: Int = 10, waiting: Int = 1000, idle: TimeAmount = .seconds(60)
    ) {
        let configuration = SchedulerStateMachine.Configuration(
            maximumConnections: maximum, maximumQueuedOperations: waiting, idleTimeout: idle, maximumLifetime: .hours(1)
        )
        machine = SchedulerStateMachine(configuration)
    }

    var status: SchedulerStateMachine.Status { machine.status }

    /// When the timer is set to, from now on.
    var timer: TimeAmount? { machine.timerTime == .distantFuture ? nil : machine.timerTime - now }

    mutating func lane(_ policy: LanePolicy) -> LaneID { machine.addLane(policy) }

    func request(
        _ name: String, _ lane: LaneID = .exclusive, size: Int = 1, waits: TimeAmount = .seconds(10),
        deadline: TimeAmount = .seconds(30)
    ) -> NamedRequest {
        NamedRequest(name, lane: lane, size: size, waitsUntil: now + waits, deadline: now + deadline)
    }

    @discardableResult
    mutating func enqueue(
        _ name: String, _ lane: LaneID = .exclusive, size: Int = 1, waits: TimeAmount = .seconds(10),
        deadline: TimeAmount = .seconds(30)
    ) -> [String] {
        enqueue(request(name, lane, size: size, waits: waits, deadline: deadline))
    }

    mutating func enqueue(_ request: NamedRequest) -> [String] {
        requests[request.name] = request
        return text(machine.enqueue(request, now: now))
    }

    /// Several requests, each named by a letter.
    @discardableResult
    mutating func enqueue(all names: String, _ lane: LaneID, size: Int = 1) -> [String] {
        names.flatMap { enqueue(String($0), lane, size: size) }
    }

    mutating func cancel(_ name: String) -> [String] {
        requests[name].map { text(machine.cancel($0)) } ?? []
    }

    @discardableResult
    mutating func open(_ ids: ID..., lifetime: TimeAmount = .hours(1)) -> [String] {
        ids.flatMap { text(machine.opened($0, lifetime: lifetime, now: now)) }
    }

    mutating func openFailed(_ id: ID, isFinal: Bool = false, jitter: Double = 1) -> [String] {
        let error = MySQLError(.connectionFailed, "refused")
        return text(machine.openFailed(id, error, isFinal: isFinal, jitter: jitter, now: now))
    }

    /// The names of the batch, joined; nil: nothing was there to take. And what else is to be done.
    mutating func take(_ id: ID, byteLimit: Int = 1000) -> (batch: String?, actions: [String]) {
        let (batch, actions) = machine.take(id, byteLimit: byteLimit, now: now)
        return (batch.map { names($0.requests) }, text(actions))
    }

    @discardableResult
    mutating func finish(_ id: ID, isUsable: Bool = true) -> [String] {
        text(machine.finished(id, isUsable: isUsable, now: now))
    }

    mutating func lose(_ id: ID) -> [String] { text(machine.lost(id, now: now)) }

    mutating func leaveServer(of id: ID) -> (isNews: Bool, actions: [String]) {
        let (isNews, actions) = machine.leaveServer(of: id, now: now)
        return (isNews, text(actions))
    }

    mutating func close() -> [String] { text(machine.close()) }

    mutating func measure(_ time: TimeAmount) { machine.measured(time, now: now) }

    /// Time goes by; the timer fires whenever it is set to.
    mutating func pass(_ time: TimeAmount) -> [String] {
        let end = now + time
        var result: [String] = []
        while machine.timerTime <= end {
            now = max(now, machine.timerTime)
            result += text(machine.timerFired(now: now))
        }
        now = end
        return result
    }

    private func names(_ requests: [ScheduledRequest]) -> String {
        requests.map { ($0 as? NamedRequest)?.name ?? "?" }.joined()
    }

    private func text(_ actions: [SchedulerStateMachine.Action]) -> [String] {
        actions.compactMap { action in
            switch action {
            case .schedule(let id): "schedule \(id)"
            case .open(let id): "open \(id)"
            case .close(let id): "close \(id)"
            case .expire(let id, let requests): "expire \(id): \(names(requests))"
            case .abandon(let id): "abandon \(id)"
            case .fail(let requests, let reason): "fail \(names(requests)): \(text(reason))"
            case .setTimer: nil
            case .allClosed: "allClosed"
            }
        }
    }

    private func text(_ reason: SchedulerStateMachine.FailureReason) -> String {
        switch reason {
        case .cancelled: "cancelled"
        case .closed: "closed"
        case .tooManyQueuedOperations: "tooManyQueuedOperations"
        case .waitedTooLong: "waitedTooLong"
        case .stillConnecting: "stillConnecting"
        case .connection: "connection"
        }
    }
}

extension LanePolicy {
    /// Lanes as the executors have them.
    static let read = LanePolicy(maximumRequests: 4, isAdaptive: true)
    static let write = LanePolicy(maximumRequests: 4, isAdaptive: true, isWrite: true)
    static let singles = LanePolicy(maximumRequests: 4, isAdaptive: true, isWrite: true, prefersSingles: true)
}

extension TestScheduler {
    /// A scheduler with some connections that are idle.
    static func with(idle count: Int, maximum: Int = 10) -> TestScheduler {
        var scheduler = TestScheduler(maximum: maximum)
        for index in 0..<count { scheduler.enqueue("x\(index)") }
        for id in 1...count {
            scheduler.open(id)
            _ = scheduler.take(id)
        }
        for id in (1...count).reversed() { scheduler.finish(id) }
        return scheduler
    }
}
