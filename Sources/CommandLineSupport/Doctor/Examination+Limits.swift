import FedifyMySQL
import MySQLClient

/// The server's limits, and the session.
extension Examination {
    package func packet() async throws -> Finding {
        let bytes = connection.server.maximumPacketSize
        let isSmall = bytes < 1 << 20
        let overhead = ValidatedValue.packetOverhead
        let value = isMariaDB ? "a value" : "a value (with the spaces that MySQL adds to JSON)"
        return Finding(
            isSmall ? .warn : .good,
            "up to \(bytes - overhead) bytes for \(value) and its key: the packet limit, \(bytes), less \(overhead) for the "
                + "statement",
            advice: isSmall ? "Raise the server's max_allowed_packet; 16 MiB is MariaDB's default." : nil)
    }

    package func connections() async throws -> Finding {
        let found = try await variables(.session, ["max_connections", "wait_timeout", "max_user_connections"])
        let used = Int(try await status(["Threads_connected"])["Threads_connected"] ?? "") ?? 0
        let most = Int(found["max_connections"] ?? "") ?? 0
        let ofAccount = Int(found["max_user_connections"] ?? "") ?? 0
        let wait = Int(found["wait_timeout"] ?? "") ?? .max
        let idle = Int(configuration.pool.idleTimeout / .seconds(1))
        let seen = "\(used) of \(most) open (max_connections), up to \(poolSize) by each process with this URL"
        if ofAccount > 0, ofAccount < poolSize {
            return Finding(
                .warn, seen + "; \(ofAccount) for this account (max_user_connections)",
                advice: "Raise it above the sum of all pools of this account, or lower pool-size.")
        }
        if most < poolSize * 2 {
            return Finding(.warn, seen, advice: "Raise max_connections above the sum of all pools, or lower pool-size.")
        }
        if used * 10 >= most * 9 {
            return Finding(.warn, seen, advice: "Almost exhausted: raise max_connections, or lower pool-size.")
        }
        return Finding(
            wait <= idle ? .warn : .good, seen + "; idle ones are closed after \(wait) s (wait_timeout)",
            advice: wait <= idle ? "Keep the pool's idleTimeout (\(idle) s) below the server's wait_timeout." : nil)
    }

    /// The number of prepared statements of a connection under load.
    private static let statementsOfConnection = 30

    package func preparedStatements() async throws -> Finding {
        let limit = try await variables(.global, ["max_prepared_stmt_count"])["max_prepared_stmt_count"]
        let used = Int(try await status(["Prepared_stmt_count"])["Prepared_stmt_count"] ?? "") ?? 0
        guard let most = limit.flatMap({ Int($0) }) else {
            return Finding(.good, "\(used) prepared statements exist; there is no limit")
        }
        let seen = "\(used) of \(most) prepared statements exist (max_prepared_stmt_count)"
        let needed = poolSize * Self.statementsOfConnection
        if used >= most {
            return Finding(
                .bad, seen + ": no more can be prepared (error 1461)",
                advice: "Raise max_prepared_stmt_count: a process with this pool keeps about \(needed).")
        }
        return Finding(
            most - used < needed ? .warn : .good, seen,
            advice: most - used < needed
                ? "A process with this pool keeps about \(needed) under load: raise max_prepared_stmt_count." : nil)
    }

    /// The server's time limits for statements; the store sets those of its sessions to its deadline.
    package func timeLimits() async throws -> Finding {
        let names = ["max_statement_time", "max_execution_time"]
        let (global, session) = (try await variables(.global, names), try await variables(.session, names))
        // MariaDB counts seconds, MySQL milliseconds.
        func seconds(_ values: [String: String]) -> Double {
            values["max_statement_time"].flatMap { Double($0) } ?? (Double(values["max_execution_time"] ?? "") ?? 0)
                / 1000
        }
        func text(_ seconds: Double) -> String { seconds == 0 ? "none" : "\(seconds) s" }
        let deadline = configuration.operationTimeout / .seconds(1)
        let seen =
            "the server ends a statement after: \(text(seconds(session))) for the store's statements, "
            + "\(text(seconds(global))) for others (\(names[isMariaDB ? 0 : 1]))"
        let isShort = seconds(session) > 0 && seconds(session) < deadline
        return Finding(
            isShort ? .warn : .good, seen,
            advice: isShort
                ? "The server ends statements before the deadline of \(deadline) s: raise \(names[isMariaDB ? 0 : 1])."
                : nil)
    }

    package func sqlMode() async throws -> Finding {
        let mode = try await variables(.global, ["sql_mode"])["sql_mode"] ?? ""
        let isStrict = mode.contains("STRICT_TRANS_TABLES") || mode.contains("STRICT_ALL_TABLES")
        return Finding(
            isStrict ? .good : .warn,
            isStrict ? "strict: values that don't fit are refused" : "not strict: values that don't fit are truncated",
            advice: isStrict
                ? nil
                : "This store's sessions are strict all the same, those of other programs are not: add STRICT_TRANS_TABLES to "
                    + "the server's sql_mode.")
    }

    /// The variables that the store sets differently from the server, and those that it could not set.
    package func session() async throws -> Finding {
        let wanted = MySQLConnection.sessionVariables
        let names = wanted.map(\.name)
        let (global, session) = (try await variables(.global, names), try await variables(.session, names))
        func plain(_ value: String) -> String { value == "ON" ? "1" : value == "OFF" ? "0" : value }
        let wrong = wanted.filter { variable in
            guard let value = variable.value, let found = session[variable.name] else { return false }
            return plain(found) != value
        }.map { "\($0.name) (\(session[$0.name]?.escaped(limit: 40) ?? ""))" }
        let refused = connection.refusedVariables.filter { name in !wrong.contains { $0.hasPrefix(name + " ") } }
        guard wrong.isEmpty, refused.isEmpty else {
            return Finding(
                .bad, "not as the store requires: \((wrong + refused).joined(separator: ", "))",
                advice: "The store may not set them, so results may be wrong: set them on the server.")
        }
        // The time limits depend on the configuration and always differ.
        let changed = wanted.filter { $0.value != nil }.map(\.name).filter { name in
            session[name].map { $0 != global[name] } ?? false
        }
        return Finding(
            .good,
            changed.isEmpty
                ? "the store needs no other settings than the server's"
                : "the store sets for its own sessions: \(changed.joined(separator: ", "))")
    }
}
