import DequeModule
import FedifyJSON
import FedifyMQ

/// The ordering keys of a listener: those that may have ready messages, and those that it has locked.
struct OrderedKeys {
    /// A message of a locked key.
    struct Message {
        let id: String
        let message: JSONValue
        /// Failed attempts.
        let attempts: Int?
    }

    /// A key that is locked. Its first message is at a handler, about to be, or waiting for its next attempt.
    struct Run {
        let lockName: String
        var messages: Deque<Message>
        /// How many messages were handled since it was locked.
        var handled = 0
        /// There may be more messages than were read.
        var mayHaveMore: Bool
        /// Its first message is at a handler, or waits for one.
        var delivery: Delivery?
        var attempt = 0
    }

    /// Keys to be locked, in order.
    private(set) var candidates: Deque<String> = []
    /// All that are candidates.
    private var known: Set<String> = []
    /// Keys that another process has, when to try again, and the pause until then.
    private var busy: [String: (until: ContinuousClock.Instant, pause: Duration)] = [:]
    /// Keys that are being locked or given up.
    private var inTransition: Set<String> = []
    /// Keys that were enqueued while they were.
    private var foundMeanwhile: Set<String> = []
    var held: [String: Run] = [:]
    private var settlements: Deque<QueueTransaction.Settlement> = []
    /// Keys whose first message is to be settled.
    private var settling: Set<String> = []
    /// Messages at handlers, or waiting for one.
    var atHandlers = 0

    /// The connection that holds the locks.
    var session: LockSession?
    var isLocking = false
    var isLooking = false
    /// When to look for keys again.
    var nextLook = ContinuousClock.now
    var pause = Duration.zero
    /// Not before this time, whatever asks for a look.
    var earliestLook = ContinuousClock.now
    /// Where the next look begins.
    var cursor = ""
    /// When the session may be opened again.
    var retryAt: ContinuousClock.Instant?
    var sessionFailures = 0

    /// Nothing is held or under way.
    var isIdle: Bool { held.isEmpty && inTransition.isEmpty && settlements.isEmpty && !isLocking && !isLooking }

    /// Candidates are few enough to look for more.
    var hasRoom: Bool { known.count < 1024 }

    /// When to look for keys, and when to open a session.
    var nextEvents: [ContinuousClock.Instant] { [nextLook] + (retryAt.map { [$0] } ?? []) }

    /// A message of this key was enqueued here.
    mutating func found(_ key: String) {
        busy[key] = nil
        if inTransition.contains(key) {
            foundMeanwhile.insert(key)
        } else if held[key] != nil {
            held[key]?.mayHaveMore = true
        } else {
            add(key)
        }
    }

    /// Keys were found in the table.
    ///
    /// - Returns: Whether one of them is news.
    mutating func add(_ keys: [String], at now: ContinuousClock.Instant) -> Bool {
        busy = busy.filter { $0.value.until + .seconds(5) > now }
        var isNews = false
        for key in keys where held[key] == nil && !inTransition.contains(key) {
            if let busy = busy[key] {
                if busy.until <= now { add(key) }
            } else {
                isNews = add(key) || isNews
            }
        }
        return isNews
    }

    @discardableResult
    private mutating func add(_ key: String) -> Bool {
        guard known.insert(key).inserted else { return false }
        candidates.append(key)
        return true
    }

    /// A look is due, since messages come.
    mutating func look(at time: ContinuousClock.Instant) {
        nextLook = min(nextLook, max(time, earliestLook))
    }

    // MARK: - Locking

    /// Takes candidates, which are being locked then.
    mutating func takeCandidates(_ count: Int) -> [String] {
        let taken = Array(candidates.prefix(count))
        candidates.removeFirst(taken.count)
        known.subtract(taken)
        inTransition.formUnion(taken)
        return taken
    }

    /// A key is ours, with its first messages.
    mutating func locked(_ key: String, _ run: Run) {
        var run = run
        inTransition.remove(key)
        busy[key] = nil
        if foundMeanwhile.remove(key) != nil { run.mayHaveMore = true }
        held[key] = run
    }

    /// A key was given up, or isn't ours.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - isBusy: Another process has it, or it has no message: it is not tried again at once.
    ///   - isUnusable: It can't be locked: it is not tried again for a minute.
    ///   - isCandidate: It may have messages.
    mutating func left(
        _ key: String, isBusy: Bool = false, isUnusable: Bool = false, isCandidate: Bool = false
    ) {
        inTransition.remove(key)
        if isUnusable {
            foundMeanwhile.remove(key)
            busy[key] = (.now + .seconds(60), .seconds(60))
        } else if foundMeanwhile.remove(key) != nil || isCandidate {
            add(key)
        } else if isBusy {
            let pause = min((busy[key]?.pause ?? .milliseconds(50)) * 2, .seconds(1))
            busy[key] = (.now + pause, pause)
        }
    }

    /// A key is given up.
    mutating func release(_ key: String) -> Run? {
        guard let run = held.removeValue(forKey: key) else { return nil }
        settling.remove(key)
        inTransition.insert(key)
        return run
    }

    /// The session has ended, and with it every lock.
    ///
    /// - Returns: The handlers to cancel.
    mutating func lostSession() -> [Delivery] {
        session = nil
        let deliveries = held.values.compactMap(\.delivery)
        held = [:]
        settling = []
        return deliveries
    }

    // MARK: - Settling

    mutating func settle(_ settlement: QueueTransaction.Settlement) {
        settlements.append(settlement)
        if let key = settlement.key { settling.insert(key) }
    }

    var hasSettlements: Bool { !settlements.isEmpty }

    func isSettling(_ key: String) -> Bool { settling.contains(key) }

    /// - Returns: Whether the message was the first one of a key that is held.
    mutating func settled(_ settlement: QueueTransaction.Settlement) -> Bool {
        guard let key = settlement.key, held[key]?.messages.first?.id == settlement.id else { return false }
        settling.remove(key)
        held[key]?.messages.removeFirst()
        held[key]?.handled += 1
        return true
    }

    mutating func takeSettlements(_ limit: Int) -> [QueueTransaction.Settlement] {
        let taken = Array(settlements.prefix(limit))
        settlements.removeFirst(taken.count)
        return taken
    }

    /// They failed, and come first the next time.
    mutating func putBack(_ failed: [QueueTransaction.Settlement]) {
        settlements.prepend(contentsOf: failed)
    }

    mutating func takeSettlements(of taken: [QueueTransaction.Settlement]) {
        let ids = Set(taken.map(\.id))
        settlements.removeAll { ids.contains($0.id) }
    }
}
