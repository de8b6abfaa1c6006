import Foundation
import Support

/// The message queue, against what small C programs do with the same table, on each server that MYSQL_URL names.
///
/// REPORT names the file whose section "Message queue" is written anew.
@main
enum Queue {
    static func main() async throws {
        if CommandLine.arguments.dropFirst().first == Worker.argument { return try await Worker.main() }
        do {
            let environment = ProcessInfo.processInfo.environment
            let settings = try Settings(environment)
            var all: [Outcome] = []
            for url in try ServerURLs.fromEnvironment() { all.append(try await Trial(url: url, settings).run()) }
            print(all.map { $0.report(isForUsers: false) }.joined(separator: "\n\n"))
            if let path = environment["REPORT"], !path.isEmpty { try write(all, settings, to: URL(filePath: path)) }
        } catch {
            say("queue: \(error)")
            exit(1)
        }
    }

    /// Replaces the section, or adds it.
    private static func write(_ all: [Outcome], _ settings: Settings, to file: URL) throws {
        let title = "## Message queue\n"
        let section = """
            \(title)
            `make bench-queue` measured this: medians of \(settings.rounds) rounds, in each of which ours and the C \
            programs take turns. Messages have 200 bytes, every commit is flushed to disk. *C, one each* runs the \
            statements of Fedify's TypeScript queue, one message in a transaction; *C, batched* leases and deletes 256 \
            at a time; both with the number of threads that suits them best.

            \(all.map { $0.report(isForUsers: true) }.joined(separator: "\n\n"))

            """
        let text = try String(contentsOf: file, encoding: .utf8)
        var parts = [text[...]]
        if let begin = text.range(of: title) {
            let end = text.range(of: "\n## ", range: begin.upperBound..<text.endIndex)
            parts = [text[..<begin.lowerBound], end.map { text[$0.lowerBound...] } ?? ""]
        } else {
            parts = [text + "\n", ""]
        }
        try Data((parts[0] + section + parts[1]).utf8).write(to: file)
    }
}
