/// Who takes part.
enum Contestant: String, CaseIterable {
    /// The version that BASELINE names.
    case before
    case beforeOff = "before, coalescing off"
    case ours
    case off = "ours, coalescing off"
    /// Ours, its callers' tasks on the event loops of their connections.
    case loops = "ours, on event loops"
    /// Ours, measured and traced.
    case observed = "ours, observed"
    /// The limit in C, with a key or many keys a statement.
    case cOne = "C one"
    case cMany = "C many"

    static let keysOfMany = 64

    /// The options of the contestants' program that make it this one; nil: it is another program.
    var options: [String]? {
        switch self {
        case .before, .ours: []
        case .beforeOff, .off: ["--coalescing", "off"]
        case .loops: ["--executor", "loops"]
        case .observed: ["--observed", "on"]
        case .cOne, .cMany: nil
        }
    }

    var isBefore: Bool { self == .before || self == .beforeOff }
}
