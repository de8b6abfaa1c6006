import FedifyKv
import FedifyMySQL
import MySQLClient

extension Progress {
    /// How long counting may take: it is for the bar only.
    private static let timeToCount = Duration.seconds(2)

    /// How many entries there are, for the bar on a terminal.
    ///
    /// - Returns: nil where nobody sees it, where the server doesn't count so many in so short a time, or not at all.
    static func total(of kv: MySQLKvStore, prefix: KvKey, after last: KvKey?) async -> Int? {
        guard Terminal.errorsAreSeen else { return nil }
        // A pool of its own, with its own deadline: the server is given that one too.
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
