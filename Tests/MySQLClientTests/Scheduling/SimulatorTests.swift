import Testing

@_spi(Scheduling) @testable import MySQLClient

@Suite struct SimulatorTests {
    private static let parts = 8
    private static let seeds: UInt64 = 2000

    /// To repeat one: `Simulator(Scenario(seed: 17), seed: 17).run()`.
    @Test(arguments: 0..<UInt64(parts))
    func everyHistoryHolds(part: UInt64) {
        for seed in stride(from: part, to: Self.seeds, by: Self.parts) {
            let violation = Simulator(Scenario(seed: seed), seed: seed).run()
            #expect(violation == nil)
        }
    }

    @Test(arguments: PlantedFault.allCases)
    func theSimulatorFindsAPlantedFault(fault: PlantedFault) {
        let seeds: Range<UInt64> = 0..<300
        let found = seeds.lazy.compactMap { Simulator(Scenario(seed: $0), seed: $0, fault: fault).run() }.first
        #expect(found != nil)
    }

    @Test func aHistoryCanBeRepeated() {
        for seed: UInt64 in 0..<20 {
            let runs = (0..<2).map { _ in Simulator(Scenario(seed: seed), seed: seed) }
            for run in runs { #expect(run.run() == nil) }
            #expect(runs[0].steps == runs[1].steps)
            #expect(runs[0].now == runs[1].now)
            #expect(runs[0].random.fraction() == runs[1].random.fraction())
        }
    }
}
