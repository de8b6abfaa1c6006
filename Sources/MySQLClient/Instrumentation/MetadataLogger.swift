import Logging

/// Logs events, if there is a logger.
package struct MetadataLogger: Sendable {
    package enum Level { case trace, debug, info, notice, warning }

    /// The names of metadata are keys of ``MySQLObservability/LogKeys``.
    package typealias Facts = [KeyPath<MySQLObservability.LogKeys, String>: String]

    private let observability: MySQLObservability

    package init(_ observability: MySQLObservability) {
        self.observability = observability
    }

    package func log(_ level: Level, _ message: @autoclosure () -> String, _ facts: @autoclosure () -> Facts = [:]) {
        guard let logger = observability.logger else { return }
        let level: Logger.Level =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            }
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [:]
        for (key, value) in facts() { metadata[observability.logKeys[keyPath: key]] = .string(value) }
        logger.log(level: level, "\(message())", metadata: metadata)
    }
}
