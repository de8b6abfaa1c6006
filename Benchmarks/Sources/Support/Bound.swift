import Foundation

/// What a figure is to keep to.
package enum Bound {
    case atLeast(Double)
    case atMost(Double)

    /// What was seen, what was wanted, and whether it was reached, as cells of a table.
    package func verdict(_ seen: Double, unit: String) -> [String] {
        let number = seen.formatted(.number.precision(.fractionLength(2)).grouping(.never)) + unit
        switch self {
        case .atLeast(let least): return [number, "≥ \(least)\(unit)", seen >= least ? "yes" : "**no**"]
        case .atMost(let most): return [number, "≤ \(most)\(unit)", seen <= most ? "yes" : "**no**"]
        }
    }
}
