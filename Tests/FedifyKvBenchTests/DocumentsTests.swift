import Crypto
import FedifyKv
import FedifyKvBench
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct DocumentsTests {
    /// The rows are those that other stores were measured with.
    @Test func theRowsAreTheSameInEveryLanguage() throws {
        var hash = SHA256()
        var rows = Rows()
        rows.swapped = 64
        var count = 0
        for (entries, _) in rows.chunks {
            for entry in entries {
                if entry.value.json.utf8.count != 1024 { Issue.record("a value has not 1024 bytes") }
                let line = Array("\(entry.key.serialized)\t\(entry.value.json)\n".utf8)
                hash.update(data: line)
                count += 1
            }
        }
        #expect(count == 111_064)
        let text = hash.finalize().map { String(format: "%02x", $0) }.joined()
        #expect(text == "3cb27d6b6532586f7cdc4e942f6c0a86907cc4142eea69947cfa765f27421a63")
    }

    @Test func everyWorkloadRunsOnAStore() async throws {
        let store = MemoryKvStore()
        var rows = Rows()
        rows.documents = 100
        rows.expiring = 100
        for (entries, ttl) in rows.chunks {
            for entry in entries { try await store.set(entry.key, entry.value, ttl: ttl) }
        }
        for workload in Workload.allCases {
            let seen = try await BenchmarkResult.of(
                workload, on: store, rows: rows, callers: 4, warmUp: .zero, duration: .milliseconds(20))
            #expect(seen.workload == workload.rawValue && seen.callers == 4)
            #expect(seen.operations >= 4 && seen.perSecond > 0)
            #expect(seen.p50 > 0 && seen.p50 <= seen.p90 && seen.p90 <= seen.p99 && seen.p99 <= seen.p999)
        }
        // Missing documents are not a measurement.
        await #expect(throws: WorkloadFailure.self) {
            try await BenchmarkResult.of(
                .list, on: MemoryKvStore(), rows: rows, callers: 1, warmUp: .zero, duration: .milliseconds(1))
        }
    }

    @Test(arguments: [[1, 5000, 98_765], [0, 0, 0], [0.1, 0.25, nil]] as [[Double?]])
    func aChartIsXMLWithinItsFrame(_ values: [Double?]) throws {
        let chart = LineChart(
            title: "a < b & \"c\"", positions: ["1", "16", "64"], positionTitle: "callers", valueTitle: "a second",
            lines: [.init("one", values), .init("two", values.reversed())])
        let reader = Reader()
        let parser = XMLParser(data: Data(chart.svg.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        #expect(reader.points.count == 2 * values.compactMap(\.self).count)
        for (x, y) in reader.points { #expect((0...720).contains(x) && (0...400).contains(y)) }
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var points: [(Double, Double)] = []

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard name == "circle" else { return }
            points.append((Double(attributes["cx"] ?? "") ?? -1, Double(attributes["cy"] ?? "") ?? -1))
        }
    }
}
