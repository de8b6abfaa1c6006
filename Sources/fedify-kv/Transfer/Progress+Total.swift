import CommandLineSupport
import FedifyKv
import FedifyMySQL
import MySQLClient

extension Progress {
    /// The time limit for counting, which is only needed for the bar.
    private static let timeToCount = Duration.seconds(2)

    /// The number of entries, for the progress bar on a terminal.
    ///
    /// - Returns: nil without a terminal, or if the server doesn't count them in time.
    static func total(of kv: MySQLKvStore, prefix: KvKey, after last: KvKey?) async -> Int? {
        guard Terminal.errorsAreSeen else { return nil }
        // A pool of its own with a short deadline, which also limits the server.
        var configuration = kv.pool.configuration
        configuration.operationTimeout = min(configuration.operationTimeout, timeToCount)
        configuration.connectTimeout = min(configuration.connectTimeout, timeToCount)
        configuration.pool.maximumConnections = 1
        guard let pool = try? MySQLPool(configuration), let counter = try? MySQLKvStore(pool, options: kv.options)
        else {
            return nil
        }
        let count = try? await counter.count(prefix: prefix, after: last)
        await pool.close()
        return count
    }
}
