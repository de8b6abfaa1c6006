import FedifyMQ
import FedifyMySQL
import MySQLClient
import QueueRecording
import Testing

extension QueueScene {
    /// Starts and ends a fault of the server or its network, or of the queue's table.
    func happen(_ fault: Fault, in scene: FaultScene) async throws {
        if fault == .lockedRows {
            try await whileLocked { try await Task.sleep(for: .seconds(2.5)) }
        } else {
            try await fault.happen(in: scene)
        }
    }

    /// Runs a body while another transaction holds the locks of all rows of the table, and of the gaps between them.
    private func whileLocked(_ body: () async throws -> Void) async throws {
        let pool = try server.pool(1)
        let result = await Result {
            try await pool.withConnection { connection in
                var isLocked = false
                while !isLocked {
                    try await connection.command("START TRANSACTION", .read)
                    do throws(MySQLError) {
                        _ = try await connection.rows("SELECT COUNT(*) FROM `\(table)` FOR UPDATE", [], .write)
                        isLocked = true
                    } catch {
                        // Against so many others it may be the victim of a deadlock, or wait too long.
                        guard [1205, 1213].contains(error.serverCode) else { throw error }
                        try await connection.command("ROLLBACK", .read)
                    }
                }
                try await body()
                try await connection.command("COMMIT", .read)
            }
        }
        await pool.close()
        try result.get()
    }

    /// Leaves no room for the table until `enqueue` has failed some times. The load must be more than what is handled.
    func fillDisk() async throws {
        let node = server.nodes[0]
        try await whilePaused {
            // As in `Fault.diskFull`.
            try await eventually(within: .seconds(120)) { history.outstanding == 0 }
            for _ in 0..<150 {
                try await server.sql(
                    """
                    INSERT INTO `\(table)` (id, message, deliver_after)
                    VALUES (UUID(), CONCAT('"', REPEAT('x', 1048576), '"'), NOW(6) + INTERVAL 1 DAY)
                    """)
            }
            try node.limitFileSize(to: Fault.fileLimit)
        }
        let before = history.errors[.serverError] ?? 0
        try await server.makeRoom { (history.errors[.serverError] ?? 0) >= before + 8 }
        try await server.sql("DELETE FROM `\(table)` WHERE deliver_after > NOW(6) + INTERVAL 1 HOUR")
    }

    /// Ends the sessions that hold locks of keys, at least one, and no others.
    func killLockSessions() async throws {
        var killed = 0
        try await eventually {
            for key in Set(history.events.compactMap(\.key)) {
                let name = LockName.make(key, table: table)
                guard let session = try await server.sql("SELECT IS_USED_LOCK(?)", .text(name))[0][0] else { continue }
                do {
                    try await server.sql("KILL \(session)")
                    killed += 1
                } catch let error as MySQLError where error.serverCode == 1094 {
                    // It has ended in the meantime.
                }
            }
            return killed > 0
        }
    }
}
