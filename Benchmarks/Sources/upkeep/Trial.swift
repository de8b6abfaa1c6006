import Workloads
import FedifyMySQL
@_spi(Benchmarks) import MySQLClient
import Foundation
import Support

/// The trial on one server: rounds before there are expired rows, and then, in turn, rounds with the sweepers off and
/// on until all is gone, so that a slow minute of the machine hits both.
struct Trial {
    private let url: String
    private let size: TrialSize
    private let kv: MySQLKvStore
    private let expired: ExpiredRows
    private let server: String

    init(url: String, _ size: TrialSize) async throws {
        self.url = url
        self.size = size
        var options = MySQLKvStoreOptions()
        options.tableName = "fedify_kv_upkeep"
        options.upkeep.isAutomatic = false
        var configuration = try MySQLConfiguration(url: url)
        // It makes and counts many rows in a statement.
        configuration.operationTimeout = .seconds(120)
        kv = try MySQLKvStore(MySQLPool(configuration), options: options)
        expired = ExpiredRows(pool: kv.pool, table: options.tableName)
        let version = try await kv.pool.statement("SELECT VERSION()")[0][0] ?? ""
        server = "\(version.contains("MariaDB") ? "MariaDB" : "MySQL") \(version)"
    }

    func run() async throws -> TrialResult {
        try await kv.dropTable()
        say("\(server): loading")
        for (entries, ttl) in TrialSize.rows.chunks { try await kv.set(entries: entries, ttl: ttl) }
        var result = TrialResult(server: server, size: size)
        result.liveBefore = try await kv.count()
        for _ in 0..<size.roundsBefore { result.before.append(try await round("no expired rows", sweeps: false)) }
        say("making \(size.expired) expired rows")
        try await expired.fill(size.expired)
        var left = size.expired
        while left > 0 {
            result.off.append(try await round("sweepers off", sweeps: false))
            let round = try await round("sweepers on", sweeps: true)
            guard round.removed > 0 else { throw Failure(description: "nobody sweeps") }
            left -= round.removed
            // In the round that came to the end nothing was swept for a part of the time.
            if left > 0 { result.on.append(round) } else { result.last = round }
        }
        let counts = try await expired.count()
        result.expiredAfter = counts.expired
        result.rowsAfter = counts.all
        try await kv.dropTable()
        await kv.pool.close()
        return result
    }

    private func round(_ name: String, sweeps: Bool) async throws -> Round {
        try await untilPurged()
        let children = try (0..<size.processes).map { process in
            let bounds = (process...process + 1).map { $0 * size.callers / size.processes }
            return try Worker(
                url: url, table: kv.options.tableName, firstCaller: bounds[0], callers: bounds[1] - bounds[0],
                warmUp: size.warmUpSeconds, seconds: sweeps ? size.sweepSeconds : size.quietSeconds, sweeps: sweeps
            ).start()
        }
        let round = Round(try children.map { try JSONDecoder().decode(Worker.Report.self, from: $0.output()) })
        say(
            "\(name): \(Int(round.perSecond)) sets a second, p50 \(Int(round.p50)) µs, p99 \(Int(round.p99)) µs"
                + (sweeps
                    ? "; \(round.removed) rows removed in \(String(format: "%.1f", round.sweepSeconds)) s by "
                        + "\(round.batches.count) batches, \(round.handovers) handovers, "
                        + "\(try await expired.historyLength()) to be purged" : ""))
        return round
    }

    /// What one round leaves to the server to clean up is not the next round's.
    private func untilPurged() async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await expired.historyLength() > 1000 {
            guard .now < end else { return say("the server has not purged within a minute") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
