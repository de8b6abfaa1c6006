import CommandLineSupport
import Foundation
import MySQLClient

/// What delivery needs of the server: a clock, locks, transactions, and a purge that keeps up.
extension Examination {
    /// Only the server's clock counts. A time zone with daylight saving jumps twice a year.
    func queueClock(_ clock: ExpiryClock) async throws -> Finding {
        let session = try await SessionClock(of: connection)
        let jumps = session.overTheYear.contains { $0 != session.now }
        let sent = Date()
        let sql = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
        let time = Double(try await rows(sql).first?.first.flatMap { $0 } ?? "") ?? 0
        let ours = (sent.timeIntervalSince1970 + Date().timeIntervalSince1970) / 2
        let skew = ((time / 1_000_000 - ours) * 1000).rounded() / 1000
        let difference = "the server's clock is \(abs(skew)) s \(skew < 0 ? "behind" : "ahead of") this machine's"
        if clock == .utc {
            return Finding(
                session.isAlwaysUTC ? .good : .warn, "UTC is used; sessions are at \(session.text); \(difference)",
                advice: session.isAlwaysUTC
                    ? nil : "Fedify's TypeScript queue uses the session's time zone: don't share the table with it.")
        }
        if jumps {
            return Finding(
                .warn, "sessions are at \(session.text); \(difference)",
                advice: "When the clock is put forward, delays and leases end an hour early, and when it is put back, "
                    + "an hour late. Set the server's time zone to UTC.")
        }
        let isFar = abs(skew) > 1
        return Finding(
            isFar ? .warn : .good, "sessions are at \(session.text); \(difference)",
            advice: isFar
                ? "Delays and leases depend only on the server's clock; set both by NTP, so that ages are right." : nil)
    }

    /// Claims run at READ COMMITTED, where InnoDB refuses statement-based logging: error 1665.
    func isolation() async throws -> Finding {
        let found = try await variables(
            .session, ["log_bin", "binlog_format", "transaction_isolation", "tx_isolation"])
        let isolation = (found["transaction_isolation"] ?? found["tx_isolation"])?.escaped(limit: 20) ?? "?"
        let format = found["log_bin"] == "ON" ? found["binlog_format"]?.escaped(limit: 20) : nil
        let isRefused = format == "STATEMENT"
        return Finding(
            isRefused ? .bad : .good,
            "sessions are \(isolation), claims READ-COMMITTED; "
                + (format.map { "binlog_format = \($0)" } ?? "no binary log"),
            advice: isRefused
                ? "Messages can't be claimed (error 1665): set binlog_format to ROW or MIXED." : nil)
    }

    /// Two locks at once, which are released immediately.
    func keyLocks() async throws -> Finding {
        let names = ["a", "b"].map { "CONCAT('fedify_mq_doctor_\($0)_', CONNECTION_ID())" }
        let taken: [String?]
        do throws(MySQLError) {
            taken = try await rows("SELECT GET_LOCK(\(names[0]), 0), GET_LOCK(\(names[1]), 0)").first ?? []
        } catch {
            guard error.code == .server else { throw error }
            return Finding(
                .bad, "GET_LOCK is refused: \(error.detail)",
                advice: "Messages with ordering keys are not handled without it.")
        }
        let isHeld = try await rows("SELECT IS_USED_LOCK(\(names[0])) = CONNECTION_ID()").first?.first == "1"
        _ = try await rows("SELECT RELEASE_LOCK(\(names[0])), RELEASE_LOCK(\(names[1]))")
        let isGood = taken == ["1", "1"] && isHeld
        return Finding(
            isGood ? .good : .bad,
            isGood
                ? "GET_LOCK is allowed, for several names at once"
                : "a session does not keep several locks of GET_LOCK at once",
            advice: isGood
                ? nil
                : "Something between here and the server, such as a proxy, shares sessions: ordering keys need one of "
                    + "their own.")
    }

    /// Named locks are of one node.
    func cluster() async throws -> Finding? {
        let galera = try await status(["wsrep_cluster_size"])["wsrep_cluster_size"].flatMap { Int($0) } ?? 0
        guard galera > 1 else { return nil }
        return Finding(
            .warn, "a Galera cluster of \(galera) nodes",
            advice: "Named locks are of one node: messages of a key are handled in order, one at a time, only by "
                + "listeners that use the same node. Give all of them the same first server.")
    }

    private static let longHistory = 1_000_000

    /// Deleted rows stay in the indexes until they are purged, and claims have to pass them.
    func purgeLag() async throws -> Finding {
        let length: Int
        if isMariaDB {
            length = Int(try await status(["Innodb_history_list_length"])["Innodb_history_list_length"] ?? "") ?? 0
        } else {
            do throws(MySQLError) {
                let sql = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'"
                length = Int((try await rows(sql).first?.first ?? nil) ?? "") ?? 0
            } catch {
                guard error.serverCode == 1227 else { throw error }
                return Finding(.good, "not examined: this account has no right to see it (PROCESS)")
            }
        }
        let isLong = length > Self.longHistory
        return Finding(
            isLong ? .warn : .good, "\(length) transactions to be purged (history list length)",
            advice: isLong
                ? "Claims pass many deleted rows: end transactions that have been open for long, such as backups." : nil
        )
    }
}
