import FedifyKv
import FedifyKvBench
import FedifyMySQL
import Foundation
import MySQLClient
import Testing

/// `fedify-kv bench`, as a user runs it.
@Suite struct BenchTests {
    @Test(arguments: try await TestServer.all)
    func allWorkloadsAreMeasured(_ server: TestServer) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(component: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let table = TestServer.newTableName()
        let chart = folder.appending(component: "chart.svg")
        let outcome = try await CommandLineTool.run(
            [
                "bench", "--table", table, "--keys", "200", "--duration", "0.05", "--warm-up", "0", "--callers", "1",
                "--callers", "8", "--connections", "2", "--json", "-", "--svg", chart.path(),
            ], url: server.url)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let results = try JSONDecoder().decode([BenchmarkResult].self, from: Data(outcome.output.utf8))
        #expect(results.map(\.workload) == Workload.allCases.flatMap { [$0.rawValue, $0.rawValue] })
        #expect(results.allSatisfy { $0.operations > 0 && $0.p99 >= $0.p50 && $0.p50 > 0 })
        for name in ["chart.svg", "chart-latency.svg"] {
            #expect(try String(contentsOf: folder.appending(component: name), encoding: .utf8).contains("<polyline"))
        }
        let left = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = ?"
        #expect(try await server.sql(left, .text(table)) == [["0"]])
    }

    @Test(arguments: try await TestServer.all)
    func nothingOfOthersIsTouched(_ server: TestServer) async throws {
        try await server.withStore { kv, _ in
            try await kv.set(["mine"], 1)
            let outcome = try await CommandLineTool.run(["bench", "--table", kv.options.tableName], url: server.url)
            #expect(outcome.exitCode == 2)
            #expect(outcome.errors.contains("The table exists"))
            #expect(try await kv.count() == 1)
        }
        for wrong in [
            ["--workload", "nonsense"], ["--callers", "0"], ["--keys", "0"], ["--value-size", "10"],
            ["--duration", "0"],
        ] {
            #expect(try await CommandLineTool.run(["bench"] + wrong, url: server.url).exitCode == 2, "\(wrong)")
        }
    }
}
