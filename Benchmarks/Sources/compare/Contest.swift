import FedifyKv
import FedifyKvBench
import FedifyMySQL
import Foundation
import MySQLClient
import Support

/// All contestants on one server: one after the other in each round, so that a slow minute of the machine hits all.
struct Contest {
    let url: String
    let isQuick: Bool
    let server: String
    let version: String
    private let kv: MySQLKvStore
    private let observed: MySQLKvStore
    private let off: MySQLKvStore
    private let limit: CLimit
    private let rows = Rows()

    private static let keysPerStatement = 64

    static let cells: [Cell] =
        [1, 16, 64, 256].map { Cell(workload: .get, callers: $0, contestants: Contestant.allCases) }
        + [Cell(workload: .getMissing, callers: 64, contestants: [.ours, .off, .cOne])]
        + [1, 64, 256].map { Cell(workload: .set, callers: $0, contestants: Contestant.allCases) }
        + [
            Cell(workload: .setTTL, callers: 64, contestants: [.ours, .off, .cOne]),
            Cell(workload: .cas, callers: 64, contestants: [.ours, .off, .cOne]),
            Cell(workload: .list, callers: 1, contestants: [.ours, .cOne]),
        ]

    init(url: String, isQuick: Bool) async throws {
        self.url = url
        self.isQuick = isQuick
        let configuration = try MySQLConfiguration(url: url)
        var options = MySQLKvStoreOptions()
        options.tableName = "fedify_kv_compare"
        options.upkeep.isAutomatic = false
        kv = try MySQLKvStore(MySQLPool(configuration), options: options)
        var told = configuration
        told.observability.metrics = AddedMetrics()
        told.observability.tracer = ForgetfulTracer()
        observed = try MySQLKvStore(MySQLPool(told), options: options)
        options.coalescing.isEnabled = false
        off = try MySQLKvStore(MySQLPool(configuration), options: options)
        // The C program takes it as an argument; the configuration doesn't show it.
        let password = URLComponents(string: url)?.password ?? ""
        limit = CLimit(configuration: configuration, password: password, table: options.tableName)
        let found = try await kv.pool.withConnection { $0.server }
        server = found.flavor == .mariadb ? "MariaDB" : "MySQL"
        version = found.version
    }

    func run() async throws -> Results {
        var results = Results(server: server, version: version)
        try await kv.drop()
        say("\(server) \(version): loading \(Int(rows.documents) + Documents.expiringCount) documents")
        for (entries, ttl) in rows.chunks { try await kv.set(entries: entries, ttl: ttl) }
        let (length, warmUp, rounds) = isQuick ? (0.8, 0.3, 3) : (3.0, 0.5, 5)
        var threads: [String: Int] = [:]
        for cell in Self.cells {
            var scores: [Contestant: [Score]] = [:]
            for _ in 0..<rounds {
                for contestant in cell.contestants {
                    scores[contestant, default: []].append(
                        try await score(contestant, cell, seconds: length, warmUp: warmUp, threads: &threads))
                }
            }
            results.scores[cell] = scores.mapValues(Score.median)
            say(results.line(cell))
        }
        try await manyKeys(&results, threads: &threads)
        try await memory(&results)
        try await kv.drop()
        await kv.pool.close()
        await observed.pool.close()
        await off.pool.close()
        return results
    }

    private func score(
        _ contestant: Contestant, _ cell: Cell, seconds: Double, warmUp: Double, threads: inout [String: Int]
    ) async throws -> Score {
        switch contestant {
        case .ours: return try await score(kv, cell, seconds: seconds, warmUp: warmUp)
        case .observed: return try await score(observed, cell, seconds: seconds, warmUp: warmUp)
        case .off: return try await score(off, cell, seconds: seconds, warmUp: warmUp)
        case .cOne, .cMany:
            let keys = contestant == .cMany ? Self.keysPerStatement : 1
            let number = cell.callers == 1 && keys == 1 ? 1 : try best(cell.workload, keys, &threads)
            return try limit.run(cell.workload, threads: number, keys: keys, seconds: seconds, warmUp: warmUp)
        }
    }

    private func score(_ store: MySQLKvStore, _ cell: Cell, seconds: Double, warmUp: Double) async throws -> Score {
        let result = try await BenchmarkResult.of(
            cell.workload, on: store, rows: rows, callers: cell.callers,
            warmUp: .seconds(warmUp), duration: .seconds(seconds))
        return Score(perSecond: result.perSecond, p50: result.p50, p99: result.p99, cpu: result.cpuPerOperation)
    }

    private func best(_ workload: Workload, _ keys: Int, _ threads: inout [String: Int]) throws -> Int {
        let name = "\(workload.rawValue) \(keys)"
        if let known = threads[name] { return known }
        let found = try limit.bestThreads(workload, keys: keys, seconds: isQuick ? 0.4 : 1.5)
        threads[name] = found
        return found
    }

    /// A set of 100,000 entries in one call against the C program with as many keys a statement as it has.
    private func manyKeys(_ results: inout Results, threads: inout [String: Int]) async throws {
        var ours: [Double] = []
        var theirs: [Double] = []
        for round in 0..<3 {
            let entries = (0..<rows.documents).map { i in
                KvEntry(key: Documents.document(i), value: Documents.value(i, version: UInt32(round + 1)))
            }
            let start = ContinuousClock.now
            try await kv.set(entries: entries)
            ours.append(Double(entries.count) / (start.duration(to: .now) / .seconds(1)))
            let number = try best(.set, Self.keysPerStatement, &threads)
            theirs.append(
                try limit.run(
                    .set, threads: number, keys: Self.keysPerStatement, seconds: isQuick ? 1.5 : 4, warmUp: 0.3
                )
                .perSecond)
        }
        results.manyKeys = (ours.sorted()[1], theirs.sorted()[1])
        say("set(entries:) of 100,000: \(Int(ours.sorted()[1])) a second, C many \(Int(theirs.sorted()[1]))")
    }

    /// The peaks of processes of their own.
    private func memory(_ results: inout Results) async throws {
        let seconds = isQuick ? 15 : 60
        results.memoryOfCallers = try Memory.child("callers", url: url, kv.options.tableName, seconds)
        results.memoryOfOverload = try Memory.child("overload", url: url, kv.options.tableName, seconds)
        if isQuick {
            results.listedRows = Int(rows.documents)
        } else {
            results.listedRows = 1_000_000
            for start in stride(from: UInt32(0), to: 1_000_000, by: 20_000) {
                try await kv.set(
                    entries: (start..<start + 20_000).map { i in
                        KvEntry(key: KvKey(["million", "\(i)"]), value: Documents.value(i, version: 0))
                    })
            }
        }
        results.memoryOfList = try Memory.child("list", url: url, kv.options.tableName, results.listedRows)
        say(
            "peak memory: 256 callers \(results.memoryOfCallers >> 20) MiB, overload "
                + "\(results.memoryOfOverload >> 20) MiB, list of \(results.listedRows) rows "
                + "\(results.memoryOfList >> 20) MiB")
    }
}
