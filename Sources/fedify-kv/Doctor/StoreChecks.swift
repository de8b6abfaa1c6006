import CommandLineSupport

/// The checks of a store.
enum StoreChecks {
    /// - Parameter clock: The clock from the command line.
    /// - Returns: The checks, in order.
    static func all(clock: ExpiryClock?) -> [Diagnosis.Check] {
        [
            ("server", { try await $0.version() }), ("encryption", { try await $0.encryption() }),
            ("account", { try await $0.account() }), ("writes", { try await $0.writable() }),
            ("clock", { try await $0.clock() }), ("time zone", { try await $0.timeZone() }),
            ("expiry clock", { try await $0.expiryClock(named: clock) }), ("sql_mode", { try await $0.sqlMode() }),
            ("session", { try await $0.session() }), ("packet", { try await $0.packet() }),
            ("connections", { try await $0.connections() }), ("statements", { try await $0.preparedStatements() }),
            ("time limits", { try await $0.timeLimits() }), ("durability", { try await $0.durability() }),
            ("binary log", { try await $0.binaryLog() }), ("locks", { try await $0.namedLocks() }),
            ("page size", { try await $0.pageSize() }), ("table", { try await $0.definition() }),
            ("row format", { try await $0.rowFormat() }), ("index", { try await $0.index() }),
            ("rights", { try await $0.rights() }),
        ]
    }
}
