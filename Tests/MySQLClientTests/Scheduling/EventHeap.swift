/// Random numbers that depend on the seed alone.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var result = state
        result = (result ^ (result >> 30)) &* 0xbf58_476d_1ce4_e5b9
        result = (result ^ (result >> 27)) &* 0x94d0_49bb_1331_11eb
        return result ^ (result >> 31)
    }

    mutating func chance(_ probability: Double) -> Bool {
        Double(next() >> 11) < probability * 9_007_199_254_740_992
    }

    /// From 0 to 1.
    mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }
}

/// Events by their time in nanoseconds; those of one time in the order in which they were added.
struct EventHeap<Event> {
    private var entries: [(time: Int, number: Int, event: Event)] = []
    private var added = 0

    var isEmpty: Bool { entries.isEmpty }

    mutating func add(_ event: Event, at time: Int) {
        added += 1
        entries.append((time, added, event))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isLess(child, parent) else { break }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> (time: Int, event: Event)? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else { return (last.time, last.event) }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && isLess(child, least) {
                least = child
            }
            guard least != parent else { break }
            entries.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.event)
    }

    private func isLess(_ first: Int, _ second: Int) -> Bool {
        let (first, second) = (entries[first], entries[second])
        return first.time != second.time ? first.time < second.time : first.number < second.number
    }
}
