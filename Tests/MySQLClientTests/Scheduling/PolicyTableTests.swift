import Foundation
import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct PolicyTableTests {
    private static let cells = PolicyTable.cells.filter { [50, 200, 1000].contains($0.roundTrip) && $0.callers > 1 }

    @Test(arguments: cells)
    func thePolicyIsAboutAsGoodAsTheBestFixedNumber(cell: PolicyTable.Cell) {
        let table = PolicyTable()
        let best = PolicyTable.fixedNumbers.map { table.simulate(cell, batches: $0).throughput }.max() ?? 0
        #expect(table.simulate(cell, batches: nil).throughput >= Self.share(cell) * best)
    }

    /// How much of the best throughput is asked for.
    ///
    /// On a short round trip the policy leaves much of it to larger batches. A batch of `cas` takes two round trips and
    /// a single one takes one, so that the best number depends on the callers, which the policy doesn't know.
    private static func share(_ cell: PolicyTable.Cell) -> Double {
        cell.roundTrip < 250 ? 0.5 : cell.lane == "cas" ? 0.6 : 0.85
    }

    /// `POLICY_TABLE=1 swift test --filter PolicyTableTests.printsTheTable`
    @Test(.enabled(if: ProcessInfo.processInfo.environment["POLICY_TABLE"] != nil))
    func printsTheTable() {
        print(PolicyTable(length: 3).text())
    }
}
