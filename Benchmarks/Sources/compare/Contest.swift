import Foundation
import Support

/// All contestants on one server, each in a process of its own: one after the other in each round, so that a slow
/// minute of the machine hits all.
final class Contest {
    static let table = "fedify_kv_compare"

    private let url: String
    private let settings: Settings
    private let limit: CLimit
    private var proxies: [Int: DelayProxy] = [:]
    private var threads: [String: Int] = [:]

    init(url: String, settings: Settings) throws {
        self.url = url
        self.settings = settings
        limit = try CLimit(url: url, table: Self.table)
    }

    func run() throws -> Results {
        let version = try limit.serverVersion()
        var results = Results(server: version.contains("MariaDB") ? "MariaDB" : "MySQL", version: version)
        say("\(results.server) \(version): loading")
        _ = try output(.ours, ["load"])
        for cell in settings.cells {
            var scores: [Contestant: [Score]] = [:]
            let contestants = cell.contestants.filter(settings.takesPart)
            for round in 0..<settings.rounds {
                // Not always after the same one, who may have left the server with work to do.
                for index in contestants.indices {
                    let contestant = contestants[(index + round) % contestants.count]
                    scores[contestant, default: []].append(try score(contestant, cell))
                }
            }
            results.scores[cell] = scores.mapValues(Score.median)
            say(results.line(cell))
        }
        if settings.measuresMemory { try memory(&results) }
        _ = try output(.ours, ["drop"])
        return results
    }

    private func score(_ contestant: Contestant, _ cell: Cell) throws -> Score {
        let port = try cell.roundTrip == 0 ? nil : proxy(cell.roundTrip).port
        if contestant == .cOne || contestant == .cMany {
            let keys = contestant == .cMany ? Contestant.keysOfMany : 1
            return try limit.run(
                cell, port: port, threads: threads(cell, keys), keys: keys, seconds: settings.seconds,
                warmUp: settings.warmUp)
        }
        let output = try output(
            contestant,
            [
                cell.workload, "--callers", "\(cell.callers)", "--seconds", "\(settings.seconds)", "--warm-up",
                "\(settings.warmUp)",
            ], port: port, isEncrypted: cell.isEncrypted)
        return try JSONDecoder().decode(Score.self, from: output)
    }

    /// What a contestant's program prints.
    private func output(
        _ contestant: Contestant, _ arguments: [String], port: Int? = nil, isEncrypted: Bool = false
    ) throws -> Data {
        var url = url
        if let port {
            var components = limit.url
            (components.host, components.port) = ("127.0.0.1", port)
            url = components.string ?? url
        }
        if isEncrypted { url = url.replacing("tls=off", with: "tls=require") }
        return try ChildProcess(
            [url, Self.table] + arguments + (contestant.options ?? []),
            program: contestant.isBefore ? settings.programBefore : settings.program
        ).output()
    }

    private func proxy(_ roundTrip: Int) throws -> DelayProxy {
        if let known = proxies[roundTrip] { return known }
        let new = try DelayProxy(to: limit.url, roundTrip: roundTrip)
        proxies[roundTrip] = new
        return new
    }

    /// How many threads the C program has: those that suit it best on loopback, all where it waits for the network;
    /// with a key a statement no more than callers.
    private func threads(_ cell: Cell, _ keys: Int) throws -> Int {
        if keys == 1, cell.callers == 1 { return 1 }
        let most = keys == 1 ? min(16, cell.callers) : 16
        if cell.roundTrip > 0 { return most }
        let name = "\(cell.workload) \(keys)"
        let best = try threads[name] ?? limit.bestThreads(cell, keys: keys, seconds: settings.seconds / 2)
        threads[name] = best
        return min(most, best)
    }

    private func memory(_ results: inout Results) throws {
        let rows = settings.listedRows
        results.listedRows = rows
        _ = try output(.ours, ["load-many", "--rows", "\(rows)"])
        _ = try output(.ours, ["load-large"])
        let seconds = "\(settings.secondsOfMemory)"
        for contestant in [Contestant.before, .ours, .loops].filter(settings.takesPart) {
            func bytes(_ use: MemoryUse, _ arguments: [String]) throws {
                let text = String(decoding: try output(contestant, [use.rawValue] + arguments), as: UTF8.self)
                guard let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                    throw Failure(description: "the process whose memory was to be measured failed")
                }
                results.memory[use, default: [:]][contestant] = bytes
                say("\(use.title(results)), \(contestant.rawValue): \(bytes / 1_000_000) MB")
            }
            try bytes(.callers, ["--callers", "256", "--seconds", seconds])
            try bytes(.overload, ["--seconds", seconds])
            try bytes(.listMany, ["--rows", "\(rows)"])
            try bytes(.large, [])
        }
    }
}
