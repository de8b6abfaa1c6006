import ArgumentParser
import CommandLineSupport
import FedifyMQ
import FedifyMySQL
import Foundation
import Logging
import MySQLClient

/// Which queue: the server and the table.
struct QueueArguments: ParsableArguments {
    @OptionGroup var server: ServerArguments

    @Option(help: "The table's name.")
    var table = "fedify_mq"

    @Option(
        help: """
            The clock that the rows' times are kept in: \(ExpiryClock.sessionTimeZone.rawValue), as Fedify's \
            TypeScript queue does, or \(ExpiryClock.utc.rawValue).
            """)
    var clock = ExpiryClock.sessionTimeZone

    /// Opens the queue for a command, and closes its connections afterwards.
    ///
    /// - Parameters:
    ///   - delivery: How messages are delivered, for commands that listen.
    ///   - logger: The log.
    ///   - body: The work.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws; `MySQLError` or `MQError` `invalidConfiguration`.
    func withQueue<T>(
        _ delivery: DeliveryOptions = DeliveryOptions(), logger: Logger? = nil,
        _ body: (MySQLMessageQueue) async throws -> T
    ) async throws -> T {
        let queue = try open(delivery, logger: logger)
        do {
            let result = try await body(queue)
            await queue.pool.close()
            return result
        } catch {
            await queue.pool.close()
            throw error
        }
    }

    func open(
        _ delivery: DeliveryOptions = DeliveryOptions(), logger: Logger? = nil, connections: Int? = nil
    ) throws -> MySQLMessageQueue {
        var configuration = try server.configuration()
        configuration.observability.logger = logger
        if let connections { configuration.pool.maximumConnections = connections }
        var options = MySQLMessageQueueOptions()
        options.tableName = table
        options.clock = clock.option
        options.delivery = delivery
        return try MySQLMessageQueue(MySQLPool(configuration), options: options)
    }
}

/// How messages are delivered.
struct DeliveryArguments: ParsableArguments {
    @Option(help: "Seconds until others may have a message whose worker has died, from 1 to 86400.")
    var lease = 30.0

    @Option(help: "How often a message is delivered before it is dead.")
    var maximumAttempts = 10

    @Option(help: "The longest pause after the first failed attempt, in seconds. It doubles with each attempt.")
    var minimumBackoff = 1.0

    @Option(help: "The longest pause after any attempt, in seconds.")
    var maximumBackoff = 3600.0

    @Option(help: "Seconds that the handling of a message may take; then it has failed. Default: no limit.")
    var handlerTimeout: Double?

    @Option(
        help: """
            What a failed message with an ordering key does to the others of its key: block, they wait for it, or \
            overtake, they pass it.
            """)
    var whenFailed = FailedKey.block

    @Option(help: "Seconds that handlers may go on after SIGTERM or SIGINT, until they are cancelled.")
    var gracePeriod = 10.0

    func options() throws -> DeliveryOptions {
        var options = DeliveryOptions()
        options.lease = try Duration(argument: lease, "--lease")
        options.maximumAttempts = maximumAttempts
        options.minimumBackoff = try Duration(argument: minimumBackoff, "--minimum-backoff")
        options.maximumBackoff = try Duration(argument: maximumBackoff, "--maximum-backoff")
        options.handlerTimeout = try handlerTimeout.map { try Duration(argument: $0, "--handler-timeout") }
        options.whenFailed = whenFailed.option
        options.gracePeriod = try Duration(argument: gracePeriod, "--grace-period")
        return options
    }
}

/// The values of `--when-failed`.
enum FailedKey: String, ExpressibleByArgument, CaseIterable, Sendable {
    case block, overtake

    var option: DeliveryOptions.FailedKey {
        switch self {
        case .block: .block
        case .overtake: .overtake
        }
    }
}

extension Duration {
    /// Seconds of an option. Whether they are too few or too many is checked where they are used.
    init(argument seconds: Double, _ option: String) throws {
        guard seconds.isFinite, abs(seconds) < 1e15 else {
            throw ValidationError("\(option) must be a number of seconds.")
        }
        self = .seconds(seconds)
    }
}

extension Logger {
    /// Failures of connections, and dead messages, on standard error.
    static var ofTool: Logger {
        var logger = Logger(label: "fedify-mq") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .info
        return logger
    }
}
