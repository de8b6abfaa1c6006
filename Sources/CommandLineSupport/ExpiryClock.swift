import ArgumentParser
package import FedifyMySQL

/// The values of `--expiry-clock`.
package enum ExpiryClock: String, ExpressibleByArgument, CaseIterable, Sendable {
    case utc
    case sessionTimeZone = "session-time-zone"

    package var option: MySQLKvStoreOptions.ExpiryClock {
        switch self {
        case .utc: .utc
        case .sessionTimeZone: .sessionTimeZone
        }
    }
}
