@_spi(Scheduling) @testable import MySQLClient

final class SimulatedRequest: ScheduledRequest, @unchecked Sendable {
    // Safe: a simulator is the only one to use it.
    enum State: Equatable {
        case new
        case waiting
        /// In a batch of this number.
        case underWay(Int)
        case answered
        case failed
        case expired
    }

    let number: Int
    let caller: Int
    let isCalm: Bool
    /// How long it may wait, if nothing goes wrong.
    var longestWait = 0
    var state = State.new
    /// When it was answered.
    var settled = 0

    init(
        _ number: Int, lane: LaneID, size: Int, caller: Int, isCalm: Bool, now: Int, waits: Int, deadline: Int
    ) {
        self.number = number
        self.caller = caller
        self.isCalm = isCalm
        super.init(
            lane: lane, size: size, created: .nanosecond(now), waitsUntil: .nanosecond(now + waits),
            deadline: .nanosecond(now + deadline))
    }

    var isSettled: Bool {
        switch state {
        case .new, .waiting, .underWay: false
        case .answered, .failed, .expired: true
        }
    }
}

struct SimulatedConnection {
    enum Phase: Equatable {
        case opening
        case idle
        case reserved
        case busy(Int)
    }

    var phase: Phase
    let generation: Int
    var expires = Int.max
    /// No answer will ever come through it.
    var isSilent = false
    /// Its event loop hands out answers until then.
    var loopIsBusyUntil = 0
}

struct SimulatedBatch {
    let connection: Int
    let lane: Int
    let requests: [SimulatedRequest]
    let sent: Int
    /// Questions that are still to be asked after the present one.
    var furtherQuestions: Int
}

/// The server's processors and disk, which all connections share.
struct SimulatedServer {
    private var coresFreeAt: [Int]
    private var committing: [Int] = []
    private var nextCommit: [Int] = []

    init(cores: Int) {
        coresFreeAt = Array(repeating: 0, count: cores)
    }

    /// - Returns: When the work is done.
    mutating func work(_ time: Int, now: Int) -> Int {
        var core = 0
        for index in coresFreeAt.indices where coresFreeAt[index] < coresFreeAt[core] { core = index }
        coresFreeAt[core] = max(now, coresFreeAt[core]) + time
        return coresFreeAt[core]
    }

    /// - Returns: Whether a write to the disk begins now.
    mutating func commit(_ batch: Int) -> Bool {
        guard committing.isEmpty else {
            nextCommit.append(batch)
            return false
        }
        committing = [batch]
        return true
    }

    /// - Returns: The batches whose write has ended, and whether the next one begins.
    mutating func committed() -> (done: [Int], goesOn: Bool) {
        let done = committing
        committing = nextCommit
        nextCommit = []
        return (done, !committing.isEmpty)
    }
}
