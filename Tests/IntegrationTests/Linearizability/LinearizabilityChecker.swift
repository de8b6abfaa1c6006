/// Whether a key's history can be explained by operations that each took effect at one moment between call
/// and answer: Wing and Gong's search, which never looks twice at the same operations done with the same outcome
/// (Lowe, "Testing for linearizability").
struct LinearizabilityChecker {
    private typealias Value = Int?

    /// A call or an answer, in a list in the order of time.
    private struct Entry {
        let operation: Int
        let isCall: Bool
        var previous: Int
        var next: Int
        /// Of a call: where its answer is.
        var answer = 0
    }

    /// An operation that took effect, and what can be gone back to.
    private struct Step {
        let entry: Int
        let value: Value
        /// Which of the operation's possible effects it is.
        let choice: Int
    }

    private struct Seen: Hashable {
        let done: [UInt64]
        let value: Value
    }

    private let operations: [History.Operation]
    /// The first entry is a sentinel. -1 is its end.
    private var entries: [Entry]

    /// Whether a history of one key, which had no entry in the beginning, is linearizable.
    static func accepts(_ operations: [History.Operation]) -> Bool {
        var checker = LinearizabilityChecker(operations)
        return checker.search()
    }

    private init(_ operations: [History.Operation]) {
        // A write that may have been carried out twice is two, of which one may be none.
        let repeated = operations.filter(\.mayBeRepeated)
        self.operations =
            operations.map { operation in
                var operation = operation
                operation.mayBeRepeated = false
                return operation
            } + repeated
        var events: [(time: ContinuousClock.Instant?, isCall: Bool, operation: Int)] = []
        for (number, operation) in self.operations.enumerated() {
            events.append((operation.called, true, number))
            events.append((operation.returned, false, number))
        }
        events.sort { left, right in
            guard let leftTime = left.time else { return false }
            guard let rightTime = right.time else { return true }
            // At the same time: calls first, so that nothing is taken for earlier than it may have been.
            return leftTime == rightTime ? left.isCall && !right.isCall : leftTime < rightTime
        }
        entries = [Entry(operation: -1, isCall: true, previous: -1, next: events.isEmpty ? -1 : 1)]
        var calls = [Int](repeating: 0, count: self.operations.count)
        for (index, event) in events.enumerated() {
            let number = index + 1
            entries.append(
                Entry(
                    operation: event.operation, isCall: event.isCall, previous: index,
                    next: number == events.count ? -1 : number + 1))
            if event.isCall { calls[event.operation] = number } else { entries[calls[event.operation]].answer = number }
        }
    }

    /// The possible value after an operation; nothing: the operation can't take effect now.
    private func effects(_ operation: History.Operation, on value: Value) -> [Value] {
        switch operation.kind {
        case .read(let found): return found == value ? [value] : []
        case .write(let new): return operation.mayBeRepeated ? [new, value] : [new]
        case .swap(let expected, let new, let answer):
            let isSwapped = value == expected
            guard answer == nil || answer == isSwapped else { return [] }
            return [isSwapped ? new : value]
        }
    }

    private mutating func search() -> Bool {
        var value: Value = nil
        var done = [UInt64](repeating: 0, count: operations.count / 64 + 1)
        var seen: Set<Seen> = []
        var steps: [Step] = []
        var entry = entries[0].next
        var choice = 0
        while entries[0].next >= 0 {
            let current = entries[entry]
            if current.isCall {
                let effects = effects(operations[current.operation], on: value)
                if choice < effects.count {
                    let bit = (current.operation / 64, UInt64(1) << UInt64(current.operation % 64))
                    done[bit.0] |= bit.1
                    if seen.insert(Seen(done: done, value: effects[choice])).inserted {
                        steps.append(Step(entry: entry, value: value, choice: choice))
                        value = effects[choice]
                        remove(entry)
                        (entry, choice) = (entries[0].next, 0)
                    } else {
                        done[bit.0] &= ~bit.1
                        choice += 1
                    }
                } else {
                    (entry, choice) = (current.next, 0)
                }
            } else {
                // It had to take effect before, and could not: the step before was wrong.
                guard let step = steps.popLast() else { return false }
                let operation = entries[step.entry].operation
                done[operation / 64] &= ~(1 << UInt64(operation % 64))
                value = step.value
                restore(step.entry)
                (entry, choice) = (step.entry, step.choice + 1)
            }
        }
        return true
    }

    private mutating func remove(_ call: Int) {
        for entry in [call, entries[call].answer] {
            let (previous, next) = (entries[entry].previous, entries[entry].next)
            entries[previous].next = next
            if next >= 0 { entries[next].previous = previous }
        }
    }

    private mutating func restore(_ call: Int) {
        for entry in [entries[call].answer, call] {
            let (previous, next) = (entries[entry].previous, entries[entry].next)
            entries[previous].next = entry
            if next >= 0 { entries[next].previous = entry }
        }
    }
}
