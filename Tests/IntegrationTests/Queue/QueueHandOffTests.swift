import FedifyMQ
import FedifyMySQL
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Messages that are enqueued in the process whose handlers wait for them.
@Suite struct QueueHandOffTests {
    /// The table that the queue makes, and that of Fedify's TypeScript queue.
    enum Table: CaseIterable { case own, typeScript }

    /// Runs a body while handlers listen that note the messages.
    private static func whileListening(
        _ server: TestServer, _ table: Table = .own, connections: Int, concurrency: Int = 1,
        through proxy: Proxy? = nil,
        _ body: (MySQLMessageQueue, NIOLockedValueBox<[ReceivedMessage]>) async throws -> Void
    ) async throws {
        var options = MySQLMessageQueueOptions()
        options.tableName = TestServer.newTableName()
        options.pollInterval = .seconds(60)
        options.delivery.minimumBackoff = .milliseconds(10)
        if table == .typeScript { try await server.sql(TypeScriptQueue.createTable(options.tableName)) }
        if proxy != nil { options.delivery.lease = .seconds(2) }
        let pool =
            try proxy.map {
                try server.pool(connections, through: $0, isPlain: true) { $0.operationTimeout = .seconds(1) }
            }
            ?? server.pool(connections)
        let queue = try MySQLMessageQueue(pool, options: options)
        let messages = NIOLockedValueBox<[ReceivedMessage]>([])
        let listening = Task {
            try await queue.listen(concurrency: concurrency) { message in
                messages.withLockedValue { $0.append(message) }
            }
        }
        let result = await Result {
            try await queue.enqueue(json("null"))
            try await eventually { messages.withLockedValue(\.count) == 1 }
            try await body(queue, messages)
        }
        listening.cancel()
        _ = await listening.result
        try await queue.drop()
        await queue.pool.close()
        try result.get()
    }

    /// Inserting, reading and deleting is enough.
    @Test(arguments: try await TestServer.all, Table.allCases)
    func aMessageForAWaitingHandlerIsNotClaimed(_ server: TestServer, _ table: Table) async throws {
        let count = 50
        try await Self.whileListening(server, table, connections: 1, concurrency: 4) { queue, messages in
            let before = try await queue.pool.executions()
            for number in 1...count {
                try await queue.enqueue(json("\(number)"))
                try await eventually { messages.withLockedValue(\.count) == number + 1 }
            }
            let executions = try await queue.pool.executions() - before
            // There are some looks, too: the more of them the longer it takes, but ever fewer.
            #expect(executions < 4 * count - 10, "\(executions)")
            let attempts = messages.withLockedValue { Set($0.map(\.attempt)) }
            #expect(attempts == [table == .own ? 1 : nil])
            try await eventually { try await queue.depth().queued == 0 }
        }
    }

    /// What another program has enqueued before comes first.
    @Test(arguments: try await TestServer.all)
    func anEarlierMessageOfAnotherProcessComesFirst(_ server: TestServer) async throws {
        try await Self.whileListening(server, connections: 4) { queue, messages in
            for number in 1...20 {
                let (earlier, later) = (json("\(2 * number)"), json("\(2 * number + 1)"))
                try await server.sql(
                    "INSERT INTO `\(queue.options.tableName)` (id, message) VALUES (UUID(), '\(earlier.json)')")
                try await queue.enqueue(later)
                try await eventually { messages.withLockedValue(\.count) == 2 * number + 1 }
                #expect(messages.withLockedValue { $0.suffix(2).map(\.message) } == [earlier, later])
            }
        }
    }

    /// Applied to the command after the insertion.
    enum Fault: CaseIterable {
        case isHeld, isRefused, isCut, isCutBehind

        var command: Proxy.Command {
            switch self {
            case .isHeld: .statement("DO SLEEP(3)")
            case .isRefused: .statement("SIGNAL SQLSTATE '45000'")
            case .isCut: .cut
            case .isCutBehind: .cutBehind
            }
        }
    }

    /// The message is there, whatever becomes of the statement that reads it for the handler.
    @Test(arguments: try await TestServer.all, Fault.allCases)
    func aMessageIsNotLostBeforeItsHandler(_ server: TestServer, _ fault: Fault) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        enum Step { case before, inserted, after }
        let step = NIOLockedValueBox(Step.before)
        proxy.rewrite { bytes in
            step.withLockedValue { step in
                switch step {
                case .before:
                    if String(decoding: bytes, as: UTF8.self).contains("the marked one") { step = .inserted }
                    return .asItIs
                case .inserted:
                    step = .after
                    return fault.command
                case .after: return .asItIs
                }
            }
        }
        try await Self.whileListening(server, connections: 4, concurrency: 4, through: proxy) { queue, messages in
            // Has the statements prepared.
            for number in 1...10 { try await queue.enqueue(json("\(number)")) }
            try await eventually { messages.withLockedValue(\.count) == 11 }
            do throws(MQError) {
                try await queue.enqueue(json("\"the marked one\""))
            } catch {
                #expect(fault == .isHeld && error.code == .deadlineExceeded && error.mayHaveBeenApplied, "\(error)")
            }
            #expect(step.withLockedValue { $0 == .after })
            try await eventually { messages.withLockedValue(\.count) == 12 }
        }
    }

    /// A handler gets what a claim would read, however the server writes it.
    @Test(arguments: try await TestServer.all)
    func theMessageIsTheStoredOne(_ server: TestServer) async throws {
        let message = json(#"{ "b":1.0,  "a":[ 1e2,"\u00e4" ] }"#)
        try await Self.whileListening(server, connections: 1) { queue, messages in
            try await queue.enqueue(message)
            try await eventually { messages.withLockedValue(\.count) == 2 }
            try await queue.enqueue(message, delay: .milliseconds(1))
            try await eventually { messages.withLockedValue(\.count) == 3 }
            let received = messages.withLockedValue { $0.dropFirst().map(\.message.json) }
            #expect(received[0] == received[1])
        }
    }
}
