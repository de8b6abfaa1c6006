import Support

/// A figure that a contestant is to reach in some cells, as a multiple of another.
struct Goal {
    /// What of the score.
    enum Figure: String {
        case rate = "ops/s"
        case p50
        case p99
        case cpu = "CPU/op"

        func of(_ score: Score) -> Double {
            switch self {
            case .rate: score.perSecond
            case .p50: score.p50
            case .p99: score.p99
            case .cpu: score.cpu
            }
        }
    }

    /// What it is a multiple of.
    enum Reference {
        case contestant(Contestant)
        /// The higher of two.
        case better(Contestant, Contestant)
        /// What the callers would do if each took as long as one who is alone.
        case aloneEach
        case withoutTLS
    }

    let cells: [Cell]
    let contestant: Contestant
    let figure: Figure
    let bound: Bound
    let reference: Reference

    init(_ cells: String, _ contestant: Contestant, _ figure: Figure, _ bound: Bound, _ reference: Reference) {
        self.cells = Cell.list(cells)
        self.contestant = contestant
        self.figure = figure
        self.bound = bound
        self.reference = reference
    }

    /// How it came out in one of its cells, as cells of a table: cell, who, what, of what, ratio, goal, met. nil:
    /// something of it was not measured.
    func outcome(_ cell: Cell, _ results: Results) -> [String]? {
        func value(_ cell: Cell, _ contestant: Contestant) -> Double? {
            results.scores[cell]?[contestant].map(figure.of)
        }
        let base: Double?
        let name: String
        switch reference {
        case .contestant(let other): (base, name) = (value(cell, other), other.rawValue)
        case .better(let one, let two):
            base = [one, two].compactMap { value(cell, $0) }.max()
            name = "the better of \(one.rawValue), and \(two.rawValue)"
        case .aloneEach:
            let alone = results.scores[cell.ofOneCaller]?[contestant]?.p50
            (base, name) = (alone.map { Double(cell.callers) * 1e6 / $0 }, "\(cell.callers) / p50 of one caller")
        case .withoutTLS: (base, name) = (value(cell.withoutTLS, contestant), "without TLS")
        }
        guard let seen = value(cell, contestant), let base, base > 0 else { return nil }
        let ratio = seen / base
        return [cell.title, contestant.rawValue, figure.rawValue, name] + bound.verdict(ratio, unit: "")
    }
}
