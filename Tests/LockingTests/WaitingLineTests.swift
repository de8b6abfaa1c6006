import Locking
import Testing

@Suite struct WaitingLineTests {
    /// The line against a plain array, through many random steps.
    @Test(arguments: 1...20)
    func itHoldsWhoeverHasNotLeft(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        var line = WaitingLine<Int>()
        var expected: [(ticket: Int, element: Int)] = []
        var used: [Int] = []
        for element in 0..<2000 {
            switch Int.random(in: 0..<9, using: &random) {
            case 0...2:
                expected.append((line.append(element), element))
            case 3 where element.isMultiple(of: 5):
                expected.insert((line.prepend(element), element), at: 0)
            case 4, 5:
                let next = expected.isEmpty ? nil : expected.removeFirst()
                #expect(line.popFirst() == next?.element)
                if let next { used.append(next.ticket) }
            case 6, 7:
                guard let index = expected.indices.randomElement(using: &random) else { continue }
                let leaver = expected.remove(at: index)
                #expect(line.remove(leaver.ticket) == leaver.element)
                used.append(leaver.ticket)
            case 8 where element.isMultiple(of: 50):
                #expect(line.removeAll() == expected.map(\.element))
                used += expected.map(\.ticket)
                expected = []
            default:
                break
            }
            #expect(line.count == expected.count)
            #expect(line.isEmpty == expected.isEmpty)
            #expect(line.first == expected.first?.element)
        }
        let live = Set(expected.map(\.ticket))
        // Who was put back in front has a ticket that was used before.
        for ticket in used where !live.contains(ticket) { #expect(line.remove(ticket) == nil) }
        #expect(line.removeAll() == expected.map(\.element))
    }
}

private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
