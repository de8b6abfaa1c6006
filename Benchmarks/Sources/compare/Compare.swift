import Foundation
import Support

/// Our store, our store with coalescing off, and the limit in C, on each server that MYSQL_URL names.
///
/// QUICK=1 is short. OUT names a file for the figures as JSON, CHARTS a folder for the charts, README a file whose part
/// between the two marks is written anew.
@main
enum Compare {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 5, arguments[1] == "memory" {
            return try await Memory.main(arguments[2], arguments[3], Int(arguments[4]) ?? 0)
        }
        let environment = ProcessInfo.processInfo.environment
        var all: [Results] = []
        for url in try ServerURLs.fromEnvironment() {
            all.append(try await Contest(url: url, isQuick: environment["QUICK"] == "1").run())
        }
        let report = all.map { "### \($0.server) \($0.version)\n\n\($0.table)\n\n\($0.goals)" }.joined(
            separator: "\n\n")
        print(report)
        if let path = environment["OUT"], !path.isEmpty {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(all.flatMap(\.list)).write(to: URL(filePath: path))
        }
        if let folder = environment["CHARTS"], !folder.isEmpty {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, svg) in all.flatMap(\.charts) {
                try Data(svg.utf8).write(to: URL(filePath: folder).appending(component: name))
            }
        }
        if let path = environment["README"], !path.isEmpty { try write(report, into: path) }
    }

    private static func write(_ report: String, into path: String) throws {
        let (begin, end) = ("<!-- benchmark -->\n", "<!-- /benchmark -->")
        let url = URL(filePath: path)
        let text = try String(contentsOf: url, encoding: .utf8)
        guard let from = text.range(of: begin), let to = text.range(of: end) else {
            throw Failure(description: "\(path) has no marks for the report")
        }
        let machine =
            "\(ProcessInfo.processInfo.activeProcessorCount) cores, \(ProcessInfo.processInfo.physicalMemory >> 30) GiB"
        let new = text[..<from.upperBound] + "\nOn a machine of \(machine):\n\n\(report)\n\n" + text[to.lowerBound...]
        try Data(new.utf8).write(to: url)
    }
}
