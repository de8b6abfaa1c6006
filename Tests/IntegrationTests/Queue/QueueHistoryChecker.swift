import QueueRecording

/// Holds the history of a queue to what the queue promises.
struct QueueHistoryChecker {
    /// What depends on the queue's options, and on what was done to it.
    struct Rules {
        var lease: Duration = .seconds(3)
        var maximumAttempts = 10
        /// Nothing was done to the queue: no message is handled twice.
        var isExactlyOnce = false
        /// How late the messages of a killed or stopped process may come after its lease; nil: as late as they like,
        /// since there were other faults.
        var redelivery: Duration?
        /// The server gives a lock to another process at the moment when it tells the one that has lost it.
        var lockTolerance: Duration = .milliseconds(500)
        /// How long the locks of a process that stands still outlast it.
        var lockTimeout: Duration = .seconds(5)
        /// A call of `enqueue` that took longer may have sent its message twice, of which one arrives any time later.
        var longestSingleSend: Duration = .milliseconds(500)
    }

    /// One run of a handler.
    private struct Handling {
        let began: QueueEvent
        var leases: [QueueEvent]
        var cancelled: Int64?
        var ended: Int64?
        var end: QueueEvent.Kind?
        /// Its process was stopped or killed while it ran.
        var stopped: Int64?
        var killed: Int64?

        var stop: Int64 { min(ended ?? .max, cancelled ?? .max) }
        /// When it ended, was told to, or its process was gone.
        var over: Int64 { min(stop, stopped ?? .max, killed ?? .max) }

        /// The end of its lease, as it knew it at a time.
        func leaseEnd(at time: Int64) -> Int64? { leases.last { $0.time <= time }?.leaseEnd }
    }

    /// A message that was enqueued.
    private struct Sent {
        let key: String?
        let sending: Int64
        var acknowledged: Int64?
        var isRefused = false
    }

    private let rules: Rules
    private let left: Set<Int>
    private let dead: [Int: Int]
    private var sent: [Int: Sent] = [:]
    private var handlings: [Int: [Handling]] = [:]

    /// - Parameters:
    ///   - events: The history, in any order.
    ///   - left: The numbers of the messages that are in the table in the end.
    ///   - dead: Those of the dead ones, with their attempts.
    ///   - rules: What to hold it to.
    init(_ events: [QueueEvent], left: Set<Int> = [], dead: [Int: Int] = [:], rules: Rules = Rules()) {
        (self.rules, self.left, self.dead) = (rules, left, dead)
        var running: [Int: Handling] = [:]
        var done: [Handling] = []
        var gone: [String: QueueEvent.Kind] = [:]
        for event in events.sorted(by: { $0.time < $1.time }) {
            switch event.kind {
            case .sending: sent[event.number] = Sent(key: event.key, sending: event.time)
            case .sent: sent[event.number]?.acknowledged = event.time
            case .refused: sent[event.number]?.isRefused = true
            case .uncertain: break
            case .resumed: gone[event.worker] = nil
            case .began:
                // Between the note that a process is to be stopped and its stop.
                let isKilled = gone[event.worker] == .killed
                running[event.handling ?? 0] = Handling(
                    began: event, leases: [event], stopped: gone[event.worker] == .stopped ? event.time : nil,
                    killed: isKilled ? event.time : nil)
            case .leased: running[event.handling ?? 0]?.leases.append(event)
            case .cancelled: running[event.handling ?? 0]?.cancelled = event.time
            case .returned, .threw, .rejected:
                guard var handling = running.removeValue(forKey: event.handling ?? 0) else { continue }
                handling.leases.append(event)
                (handling.ended, handling.end) = (event.time, event.kind)
                done.append(handling)
            case .stopped, .killed:
                gone[event.worker] = event.kind
                for (id, handling) in running where handling.began.worker == event.worker {
                    if event.kind == .killed {
                        running[id]?.killed = event.time
                    } else {
                        running[id]?.stopped = event.time
                    }
                }
            }
        }
        handlings = Dictionary(grouping: done + running.values, by: \.began.number).mapValues {
            $0.sorted { $0.began.time < $1.began.time }
        }
    }

    /// How many messages were handled to the end more than once.
    var repeated: Int { handlings.values.count { $0.count { $0.end == .returned } > 1 } }

    /// Where the history breaks a promise.
    var violations: [String] {
        lost + unasked + (rules.isExactlyOnce ? twice : []) + sharedMessages + sharedKeys + late + wronglyDead
    }

    // MARK: - Messages

    /// Acknowledged, and neither handled to the end, nor dead, nor in the table.
    private var lost: [String] {
        sent.filter { number, message in
            message.acknowledged != nil && !left.contains(number) && dead[number] == nil
                && !(handlings[number] ?? []).contains { $0.end == .returned }
        }.keys.sorted().map { "message \($0) was lost" }
    }

    /// Delivered though its `enqueue` said that it isn't there.
    private var unasked: [String] {
        let delivered = Set(handlings.keys).union(left).union(dead.keys)
        return delivered.filter { sent[$0]?.isRefused ?? true }.sorted().map {
            "message \($0) was not enqueued, and was delivered"
        }
    }

    private var twice: [String] {
        handlings.filter { $0.value.count > 1 && $0.value.contains { $0.end == .returned } }.filter {
            // A failed attempt is followed by another one.
            $0.value.dropLast().contains { $0.end != .threw }
        }.keys.sorted().map { "message \($0) was handled twice" }
    }

    /// Two handlers had the same message, or one was not told to stop before the other one began.
    private var sharedMessages: [String] {
        handlings.flatMap { number, handlings in
            handlings.indices.dropFirst().flatMap { index -> [String] in
                let (later, earlier) = (handlings[index].began.time, handlings[..<index])
                return earlier.compactMap { handling in
                    if let end = handling.leaseEnd(at: later), later < min(handling.stop, end) {
                        return "message \(number) was given away \(Self.ms(end - later)) before its lease ended"
                    }
                    // Messages with keys are looked at together with the others of their key.
                    if handling.began.key == nil, later < handling.over {
                        return "message \(number) was given away \(Self.ms(handling.over - later)) before its handler "
                            + "was told to stop"
                    }
                    return nil
                }
            }
        }
    }

    // MARK: - Keys

    /// Messages of a key that were handled at the same time, or out of order.
    private var sharedKeys: [String] {
        let keyed = Dictionary(grouping: handlings.values.joined().filter { $0.began.key != nil }) { $0.began.key! }
        return keyed.flatMap { key, handlings in atTheSameTime(key, handlings) + outOfOrder(key) }
    }

    /// When a handler of a message with a key was over, at the earliest.
    private func over(_ handling: Handling) -> Int64 {
        let tolerance = Int64(rules.lockTolerance / .nanoseconds(1))
        return min(handling.over, handling.cancelled.map { max(handling.began.time, $0 - tolerance) } ?? .max)
    }

    private func atTheSameTime(_ key: String, _ handlings: [Handling]) -> [String] {
        var found: [String] = []
        var last: Handling?
        for handling in handlings.sorted(by: { $0.began.time < $1.began.time }) {
            if let last, over(last) > handling.began.time {
                found.append(
                    "messages \(last.began.number) and \(handling.began.number) of \(key) were handled at the same "
                        + "time for \(Self.ms(over(last) - handling.began.time)) by \(last.began.worker) and "
                        + handling.began.worker)
            }
            if last.map({ over($0) < over(handling) }) ?? true { last = handling }
        }
        return found
    }

    /// A message was handled before one was done that had been acknowledged before it was sent.
    private func outOfOrder(_ key: String) -> [String] {
        let messages = sent.filter { $0.value.key == key }
        let bySending = messages.sorted { $0.value.sending < $1.value.sending }
        let acknowledged = messages.filter { $0.value.acknowledged != nil }.sorted {
            $0.value.acknowledged! < $1.value.acknowledged!
        }
        var found: [String] = []
        var (position, last, number) = (0, Int64.min, 0)
        for (later, message) in bySending {
            while position < acknowledged.count, acknowledged[position].value.acknowledged! < message.sending {
                let (earlier, sent) = acknowledged[position]
                let done = whenDone(earlier, sent)
                if done > last { (last, number) = (done, earlier) }
                position += 1
            }
            guard let began = handlings[later]?.first?.began.time, began < last else { continue }
            found.append("message \(later) of \(key) came before \(number) was done")
        }
        return found
    }

    private func whenDone(_ number: Int, _ message: Sent) -> Int64 {
        let handlings = handlings[number] ?? []
        let isSentOnce =
            message.acknowledged! - message.sending <= Int64(rules.longestSingleSend / .nanoseconds(1))
        let first = handlings.first { $0.end == .returned }.map(over)
        let last = handlings.map(over).max()
        guard let done = isSentOnce ? last : first ?? last else { return left.contains(number) ? .max : .min }
        return first == nil && dead[number] == nil ? .max : done
    }

    // MARK: - Processes

    /// Messages of processes that were killed or stopped, which came back too late.
    private var late: [String] {
        guard let redelivery = rules.redelivery else { return [] }
        return handlings.flatMap { number, handlings in
            handlings.indices.compactMap { index -> String? in
                let handling = handlings[index]
                guard let gone = handling.killed ?? handling.stopped, handling.stop > gone else { return nil }
                // Others had it already, or it was over in time.
                guard dead[number] == nil, !handlings.contains(where: { $0.end == .returned && $0.stop <= gone }) else {
                    return nil
                }
                let lock = handling.killed == nil ? max(rules.lease, rules.lockTimeout) : rules.lease
                let limit =
                    gone + Int64(((handling.began.key == nil ? rules.lease : lock) + redelivery) / .nanoseconds(1))
                let next = handlings[(index + 1)...].first {
                    $0.began.worker != handling.began.worker || $0.began.time > gone
                }
                // It went on in time.
                if handling.killed == nil, handling.end == .returned, handling.stop <= limit { return nil }
                guard let next else { return left.contains(number) ? "message \(number) never came back" : nil }
                return next.began.time > limit
                    ? "message \(number) came back \(Self.ms(next.began.time - limit)) late" : nil
            }
        }
    }

    /// Dead without having been rejected, or having failed as often as it may.
    private var wronglyDead: [String] {
        dead.filter { number, attempts in
            attempts < rules.maximumAttempts && !(handlings[number] ?? []).contains { $0.end == .rejected }
        }.keys.sorted().map { "message \($0) is dead without a reason" }
    }

    private static func ms(_ nanoseconds: Int64) -> String { "\(nanoseconds / 1_000_000) ms" }
}
