import Foundation
import Support

/// What the removal of many expired rows does to the latency of those who write meanwhile, on each server that
/// MYSQL_URL names. QUICK=1 is short.
@main
enum Upkeep {
    static func main() async throws {
        if CommandLine.arguments.dropFirst().first == Worker.argument { return try await Worker.main() }
        let size = ProcessInfo.processInfo.environment["QUICK"] == "1" ? TrialSize.quick : .full
        var reports: [String] = []
        for url in try ServerURLs.fromEnvironment() { reports.append(try await Trial(url: url, size).run().report) }
        print(reports.joined(separator: "\n\n"))
    }
}
