import Locking
import Testing

@Suite struct WaitingLineTests {
    /// The line against a plain array, through many random steps.
    @Test(arguments: 1...20)
    func itHoldsWhoeverHasNotLeft(_ seed: UInt64) {
        var random = SplitMix64(state: seed)
        var line = WaitingLine<Caller>()
        var expected: [Caller] = []
        var gone: [Caller] = []
        for number in 0..<2000 {
            switch Int.random(in: 0..<9, using: &random) {
            case 0...2:
                expected.append(Caller())
                line.append(expected[expected.count - 1])
            case 3 where number.isMultiple(of: 5):
                // One who was in line before may be put back.
                expected.insert(gone.popLast() ?? Caller(), at: 0)
                line.prepend(expected[0])
            case 4, 5:
                let next = expected.isEmpty ? nil : expected.removeFirst()
                #expect(line.popFirst() === next)
                if let next { gone.append(next) }
            case 6, 7:
                guard let index = expected.indices.randomElement(using: &random) else { continue }
                let leaver = expected.remove(at: index)
                #expect(line.remove(leaver) == true)
                gone.append(leaver)
            case 8 where number.isMultiple(of: 50):
                let left = line.removeAll()
                #expect(left.map(ObjectIdentifier.init) == expected.map(ObjectIdentifier.init))
                gone += expected
                expected = []
            default:
                break
            }
            #expect(line.count == expected.count)
            #expect(line.isEmpty == expected.isEmpty)
            #expect(line.first === expected.first)
        }
        // Who has left can't take out anybody.
        for caller in gone { #expect(line.remove(caller) == false) }
        let left = line.removeAll()
        #expect(left.map(ObjectIdentifier.init) == expected.map(ObjectIdentifier.init))
        for caller in expected { #expect(line.remove(caller) == false) }
    }
}

private final class Caller: Waiter {
    var ticket: Int?
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
