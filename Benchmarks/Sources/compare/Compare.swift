import Foundation
import Support

/// Our store, the version before, and the limit in C, on each server that MYSQL_URL names.
///
/// OUT names a file for the figures as JSON, CHARTS a folder for the charts, REPORT a file for the report.
@main
enum Compare {
    static func main() {
        do {
            try compare()
        } catch {
            say("compare: \(error)")
            exit(1)
        }
    }

    private static func compare() throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try Settings(environment)
        let all = try ServerURLs.fromEnvironment().map { try Contest(url: $0, settings: settings).run() }
        func report(isForUsers: Bool) -> String {
            all.map { $0.report(settings.cells, isForUsers: isForUsers) }.joined(separator: "\n\n")
        }
        print(report(isForUsers: false))
        if let path = environment["OUT"], !path.isEmpty {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(all.flatMap { $0.list(settings.cells) }).write(to: URL(filePath: path))
        }
        if let folder = environment["CHARTS"], !folder.isEmpty {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, svg) in all.flatMap(\.charts) {
                try Data(svg.utf8).write(to: URL(filePath: folder).appending(component: name))
            }
        }
        if let path = environment["REPORT"], !path.isEmpty {
            try Data("\(introduction(settings))\n\n\(report(isForUsers: true))\n\n\(images(all))\n".utf8).write(
                to: URL(filePath: path))
        }
    }

    private static func introduction(_ settings: Settings) -> String {
        let information = ProcessInfo.processInfo
        return """
            # What `make bench` printed

            On a machine of \(information.activeProcessorCount) cores and \(information.physicalMemory >> 30) GiB: medians \
            of \(settings.rounds) rounds of \(settings.seconds.formatted()) seconds, in each of which all contestants take \
            turns, every one in a process of its own. Values are 1 KiB, 100,000 documents; TCP on loopback, without TLS \
            where nothing else is said; every commit on disk. Where a round trip is named, a proxy holds back each byte \
            for half of it in both directions. *C one* is a small C program with a thread for each connection and a key \
            in each statement, *C many* the same with \(Contestant.keysOfMany) keys, counted in keys.

            Callers wait for their answer before they ask again, so the latencies leave out what callers at their own \
            pace would wait (coordinated omission). Machines differ and are noisy: read the figures as ratios.
            """
    }

    private static func images(_ all: [Results]) -> String {
        all.flatMap { $0.charts.keys.sorted() }.map { "![\($0.dropLast(4))](benchmarks/\($0))" }.joined(separator: "\n")
    }
}
