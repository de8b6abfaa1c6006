import Foundation
import MySQLClient

/// The server, the connection to it, and the account.
extension Examination {
    package func version() async throws -> Finding {
        let server = connection.server
        let version = server.version.split(separator: ".").prefix(2).compactMap { Int($0.prefix { $0.isNumber }) }
        let least = isMariaDB ? [10, 6] : [8, 0]
        let isOld = version.count == 2 && version.lexicographicallyPrecedes(least)
        return Finding(
            isOld ? .bad : .good, "\(isMariaDB ? "MariaDB" : "MySQL") \(server.version)",
            advice: isOld ? "MySQL 8.0 and MariaDB 10.6 are the oldest tested versions; update the server." : nil)
    }

    /// Encryption as verified by this connection's TLS handshake, not as configured.
    package func encryption() async throws -> Finding {
        let isLocal =
            switch connection.address {
            case .unixSocket: true
            case .tcp(let host, _): host.isOfThisMachine
            }
        let cipher = try await rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'").first?[1] ?? ""
        let verified: String
        switch connection.encryption {
        case .none:
            let proxy = cipher.isEmpty ? "" : ", although a proxy in front of the server encrypts"
            return Finding(
                isLocal ? .good : .bad, (isLocal ? "none, to this machine" : "none") + proxy,
                advice: isLocal
                    ? nil : "Others on the network can read it: set up TLS on the server, and tls=verify-identity.")
        case .unverified: verified = "certificate not verified"
        case .verifiedChain: verified = "certificate verified, host name not verified"
        case .verifiedIdentity: verified = "certificate and host name verified"
        }
        guard !cipher.isEmpty else {
            return Finding(
                isLocal ? .good : .warn, "\(verified); the server itself sees no encryption",
                advice: "A proxy terminates TLS; it is responsible for the connection to the server.")
        }
        let isVerified = connection.encryption != .unverified
        return Finding(
            isVerified || isLocal ? .good : .warn, "\(cipher.escaped(limit: 64)), \(verified)",
            advice: isVerified || isLocal ? nil : "Others can pose as the server: set tls=verify-identity.")
    }

    /// The account that the server has selected for this user and host.
    package func account() async throws -> Finding {
        let row = try await rows("SELECT USER(), CURRENT_USER()").first ?? []
        let (login, account) = (row.first??.escaped() ?? "?", row.last??.escaped() ?? "?")
        // The host is after the last @.
        func parts(_ text: String) -> (user: Substring, host: Substring) {
            let at = text.lastIndex(of: "@") ?? text.endIndex
            return (text[..<at], text[at...].dropFirst())
        }
        let seen = "\(parts(login).user) from \(parts(login).host) has the account \(account)"
        if account.hasPrefix("@") {
            return Finding(
                .warn, seen + ", an anonymous one",
                advice: "Its rights are not those of the user's own account: drop it, or create the user for this host."
            )
        }
        return switch parts(account).host {
        case "%": Finding(.good, seen + ", for logins from any host")
        case "localhost":
            Finding(
                .good,
                seen + ", for logins from the server's machine only (with skip_name_resolve, from its Unix socket only)"
            )
        default: Finding(.good, seen + ", for logins from that host only")
        }
    }

    package func writable() async throws -> Finding {
        let names = ["read_only", "super_read_only", "innodb_read_only"]
        let global = try await variables(.global, names)
        let session = try await variables(.session, ["transaction_read_only", "tx_read_only"])
        func isOn(_ value: String) -> Bool { value != "OFF" && value != "0" }
        if let name = names.first(where: { isOn(global[$0] ?? "OFF") }) {
            return Finding(
                .bad, "the server is read-only: \(name) is \(global[name]?.escaped(limit: 20) ?? "")",
                advice: "Put the primary in the URL, or all servers separated by commas.")
        }
        if let name = session.keys.sorted().first(where: { isOn(session[$0] ?? "OFF") }) {
            return Finding(
                .bad, "sessions are read-only: \(name) is ON (error 1792)",
                advice: "Set it to OFF on the server: something prevents the store from doing so for its sessions.")
        }
        return Finding(.good, "the server accepts writes")
    }

    /// The sweeper's lock, which is released immediately.
    package func namedLocks() async throws -> Finding {
        let lock = "CONCAT('fedify_kv_doctor_', CONNECTION_ID())"
        do throws(MySQLError) {
            _ = try await rows("SELECT GET_LOCK(\(lock), 0)")
        } catch {
            guard error.code == .server else { throw error }
            return Finding(
                .warn, "GET_LOCK is refused: \(error.detail)",
                advice: "Expired rows are removed without it; processes may do the same work, harmlessly.")
        }
        _ = try await rows("SELECT RELEASE_LOCK(\(lock))")
        return Finding(.good, "GET_LOCK is allowed, so one process at a time removes expired rows")
    }

    /// Whether a commit is on disk when it is acknowledged. With a binary log it must be in that too: a server that
    /// recovers rolls back a transaction that is missing there.
    package func durability() async throws -> Finding {
        let found = try await variables(.global, ["innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin"])
        let flush = found["innodb_flush_log_at_trx_commit"]?.escaped(limit: 20) ?? "?"
        let sync = found["sync_binlog"]?.escaped(limit: 20) ?? "?"
        let hasLog = found["log_bin"] == "ON"
        let flushed =
            switch flush {
            // 3, of MariaDB: as 1, with the flushes of older versions.
            case "1", "3": "each commit is flushed to disk"
            case "2": "commits are flushed to disk once a second"
            default: "commits are written and flushed to disk once a second"
            }
        let synced =
            switch sync {
            case "1": "each is flushed in the binary log too"
            case "0": "the operating system flushes the binary log some time"
            default: "the binary log is flushed every \(sync) commits"
            }
        let isDurable = ["1", "3"].contains(flush) && (!hasLog || sync == "1")
        return Finding(
            isDurable ? .good : .warn,
            "innodb_flush_log_at_trx_commit = \(flush): \(flushed); "
                + (hasLog ? "sync_binlog = \(sync): \(synced)" : "there is no binary log"),
            advice: isDurable
                ? nil
                : "A crash of the machine\(flush == "0" ? " or the server" : "") can lose acknowledged writes. Fine for a "
                    + "cache, not for locks: set \(hasLog ? "both" : "it") to 1.")
    }

    /// InnoDB refuses statement-based logging at READ COMMITTED and below: error 1665.
    package func binaryLog() async throws -> Finding {
        let found = try await variables(
            .session, ["log_bin", "binlog_format", "transaction_isolation", "tx_isolation"])
        guard found["log_bin"] == "ON" else { return Finding(.good, "off") }
        let format = found["binlog_format"]?.escaped(limit: 20) ?? "?"
        let isolation = (found["transaction_isolation"] ?? found["tx_isolation"])?.escaped(limit: 20) ?? "?"
        let isRefused = format == "STATEMENT" && isolation.hasPrefix("READ-")
        return Finding(
            isRefused ? .bad : .good, "binlog_format = \(format), transactions are \(isolation)",
            advice: isRefused ? "Writes are refused (error 1665): set binlog_format to ROW or MIXED." : nil)
    }
}
