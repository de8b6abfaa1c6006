import Testing

/// The checker is itself held to histories whose answer is known.
@Suite struct LinearizabilityCheckerTests {
    private static let begin = ContinuousClock.now

    private func operation(
        _ kind: History.Operation.Kind, _ called: Int, _ returned: Int?, mayBeRepeated: Bool = false
    ) -> History.Operation {
        History.Operation(
            kind: kind, called: Self.begin + .seconds(called), returned: returned.map { Self.begin + .seconds($0) },
            mayBeRepeated: mayBeRepeated)
    }

    @Test func oneAfterTheOther() {
        #expect(LinearizabilityChecker.accepts([]))
        #expect(LinearizabilityChecker.accepts([operation(.write(1), 0, 1), operation(.read(1), 2, 3)]))
        #expect(!LinearizabilityChecker.accepts([operation(.write(1), 0, 1), operation(.read(nil), 2, 3)]))
        #expect(!LinearizabilityChecker.accepts([operation(.read(1), 0, 1), operation(.write(1), 2, 3)]))
    }

    @Test func atTheSameTime() {
        let writes = [operation(.write(1), 0, 10), operation(.write(2), 0, 10)]
        #expect(LinearizabilityChecker.accepts(writes + [operation(.read(1), 1, 2), operation(.read(2), 3, 4)]))
        #expect(
            !LinearizabilityChecker.accepts(
                writes + [operation(.read(1), 1, 2), operation(.read(2), 3, 4), operation(.read(1), 5, 6)]))
    }

    @Test func swaps() {
        let won: History.Operation.Kind = .swap(expected: nil, new: 1, answer: true)
        let alsoWon: History.Operation.Kind = .swap(expected: nil, new: 2, answer: true)
        let lost: History.Operation.Kind = .swap(expected: nil, new: 2, answer: false)
        let unknown: History.Operation.Kind = .swap(expected: nil, new: 2, answer: nil)
        #expect(LinearizabilityChecker.accepts([operation(won, 0, 9), operation(lost, 0, 9)]))
        #expect(!LinearizabilityChecker.accepts([operation(won, 0, 9), operation(alsoWon, 0, 9)]))
        #expect(!LinearizabilityChecker.accepts([operation(lost, 0, 1), operation(won, 2, 3)]))
        // Done, not done, and done later.
        for found in [1, 2] {
            #expect(
                LinearizabilityChecker.accepts([
                    operation(unknown, 0, nil), operation(.write(nil), 2, 3), operation(.read(nil), 4, 5),
                    operation(.write(found), 6, 7), operation(.read(found), 8, 9),
                ]))
        }
        #expect(
            LinearizabilityChecker.accepts([
                operation(unknown, 0, nil), operation(.read(nil), 2, 3), operation(.read(2), 4, 5),
            ]))
        #expect(
            !LinearizabilityChecker.accepts([
                operation(unknown, 0, nil), operation(.read(2), 2, 3), operation(.read(nil), 4, 5),
            ]))
    }

    @Test func writesThatMayBeRepeated() {
        let others = [
            operation(.read(1), 1, 2), operation(.swap(expected: 1, new: 2, answer: true), 3, 4),
            operation(.read(2), 5, 6), operation(.read(1), 7, 8),
        ]
        #expect(!LinearizabilityChecker.accepts([operation(.write(1), 0, 9)] + others))
        #expect(LinearizabilityChecker.accepts([operation(.write(1), 0, 9, mayBeRepeated: true)] + others))
        // Not after it was answered.
        #expect(!LinearizabilityChecker.accepts([operation(.write(1), 0, 4, mayBeRepeated: true)] + others))
    }

    /// Long histories of a register that works, with much at the same time; and the same with one answer falsified.
    @Test(arguments: 0..<20)
    func oneWrongAnswerIsFound(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var value: Int?
        var operations: [History.Operation] = []
        for moment in 1...1000 {
            let kind: History.Operation.Kind
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                kind = .write(moment)
                value = moment
            case 1:
                let expected = Bool.random(using: &random) ? value : moment - 5
                kind = .swap(expected: expected, new: moment, answer: expected == value)
                if expected == value { value = moment }
            default: kind = .read(value)
            }
            // It took effect at its moment, and was under way for some time before and after.
            let (before, after) = (Int.random(in: 0..<8, using: &random), Int.random(in: 1..<8, using: &random))
            let isUnknown = if case .write = kind { Int.random(in: 0..<50, using: &random) == 0 } else { false }
            operations.append(operation(kind, 10 * (moment - before), isUnknown ? nil : 10 * (moment + after)))
        }
        #expect(LinearizabilityChecker.accepts(operations))

        // A read of a value that was gone long before.
        let reads = operations.indices.filter { if case .read = operations[$0].kind { $0 > 500 } else { false } }
        let wrong = reads.randomElement(using: &random)!
        let old = operations[..<(wrong - 100)].last { if case .read(.some) = $0.kind { true } else { false } }!
        operations[wrong].kind = old.kind
        #expect(!LinearizabilityChecker.accepts(operations))
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
