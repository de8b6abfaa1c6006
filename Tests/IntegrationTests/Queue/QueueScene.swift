import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

/// A queue under load from several listeners, in this process and in others.
struct QueueScene: Sendable {
    /// The tests' own way to the server.
    let server: TestServer
    /// The listeners' and enqueuers' way.
    let url: String
    let options: MySQLMessageQueueOptions
    /// Each with connections of its own.
    let queues: [any MessageQueue]
    let history = QueueHistory()
    let workers = NIOLockedValueBox<[QueueWorkerProcess]>([])
    private let isPaused = NIOLockedValueBox(false)

    static let lease = Duration.seconds(3)
    /// Handlers in each listener.
    static let concurrency = 8

    var table: String { options.tableName }

    /// Sets the scene, with a table of its own.
    ///
    /// - Parameters:
    ///   - server: The server.
    ///   - url: How its clients reach it; nil: by the server's own.
    ///   - count: How many queues this process has, each with connections of its own.
    ///   - workers: How many other processes listen.
    ///   - change: Changes the queue's options.
    ///   - configuration: Changes the configuration of the queues' connections.
    ///   - others: Further queues on the same table.
    ///   - body: The test.
    /// - Throws: What the body throws.
    static func with(
        _ server: TestServer, url: String? = nil, queues count: Int = 2, workers: Int = 1,
        _ change: (inout MySQLMessageQueueOptions) -> Void = { _ in },
        configuration: (inout MySQLConfiguration) -> Void = { _ in }, others: [any MessageQueue] = [],
        _ body: (QueueScene) async throws -> Void
    ) async throws {
        let url = url ?? server.url("pool-size=6&deadline=60")
        var options = MySQLMessageQueueOptions()
        options.tableName = TestServer.newTableName()
        options.delivery.lease = lease
        options.delivery.minimumBackoff = .milliseconds(50)
        options.delivery.maximumBackoff = .milliseconds(500)
        change(&options)
        let direct = try MySQLMessageQueue(server.pool(2), options: options)
        try await direct.initialize()
        let queues = try (0..<count).map { _ in
            var settings = try MySQLConfiguration(url: url)
            configuration(&settings)
            return try MySQLMessageQueue(MySQLPool(settings), options: options)
        }
        let scene = QueueScene(server: server, url: url, options: options, queues: queues + others)
        let result = await Result {
            for number in 0..<workers { try scene.startWorker("process \(number)") }
            try await body(scene)
        }
        for worker in scene.workers.withLockedValue(\.self) { await worker.close() }
        for queue in queues { await queue.pool.close() }
        try await server.answers()
        try await direct.drop()
        await direct.pool.close()
        try result.get()
    }

    @discardableResult
    func startWorker(_ name: String) throws -> QueueWorkerProcess {
        let worker = try QueueWorkerProcess(
            name, url: url, concurrency: Self.concurrency, options, history)
        workers.withLockedValue { $0.append(worker) }
        return worker
    }

    func worker(_ name: String) -> QueueWorkerProcess? { workers.withLockedValue { $0.last { $0.name == name } } }

    // MARK: - Load

    /// Runs a body while every queue listens and enqueuers send; then waits until all messages are handled.
    ///
    /// - Parameters:
    ///   - enqueuers: How many tasks enqueue.
    ///   - work: How long most handlers take at most, in milliseconds.
    ///   - padding: Makes messages longer, in bytes.
    ///   - backlog: How many messages may wait or be in work; with fewer than there are handlers none waits for one.
    ///   - isTroubled: Whether some messages fail once, and some are rejected.
    ///   - body: The test, in the meantime.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws.
    func run<T>(
        enqueuers: Int = 6, work: Int = 5, padding: Int = 0, backlog: Int = 200, isTroubled: Bool = true,
        _ body: () async throws -> T
    ) async throws -> T {
        let listeners = queues.enumerated().map { number, queue in
            Task { try await listen(queue, as: "listener \(number)") }
        }
        let isOver = NIOLockedValueBox(false)
        let sending = Task {
            await withTaskGroup { group in
                for number in 0..<enqueuers {
                    group.addTask {
                        await enqueue(number, work: work, padding: padding, backlog: backlog, isTroubled: isTroubled) {
                            isOver.withLockedValue(\.self)
                        }
                    }
                }
            }
        }
        let result = await Result { try await body() }
        isOver.withLockedValue { $0 = true }
        await sending.value
        let emptied = await Result {
            // A TypeScript queue deletes a message before it handles it. The messages of a key follow one another.
            try await eventually(within: .seconds(60) + .milliseconds(work) * 8) {
                try await numbers(in: table).isEmpty && history.outstanding == 0
            }
        }
        for listener in listeners { listener.cancel() }
        for listener in listeners { try await listener.value }
        let value = try result.get()
        try emptied.get()
        return value
    }

    private func listen(_ queue: any MessageQueue, as name: String) async throws {
        let handler = RecordingHandler(worker: name) { [history] in history.record($0) }
        try await queue.listen(for: RecordedMessage.self, concurrency: Self.concurrency) { message, received in
            try await handler.handle(message, received)
        }
    }

    /// Two enqueuers share each key.
    private func enqueue(
        _ number: Int, work: Int, padding: Int, backlog: Int, isTroubled: Bool, until isOver: @Sendable () -> Bool
    ) async {
        let queue = queues[number % queues.count]
        let padding = padding == 0 ? nil : String(repeating: "x", count: padding)
        while !isOver() {
            guard history.outstanding < backlog, !isPaused.withLockedValue(\.self) else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            func make(_ number: Int) -> RecordedMessage {
                RecordedMessage(
                    number: number, work: number % 100 == 0 ? 300 : Int.random(in: 0...work),
                    failures: isTroubled && number % 50 == 1 ? 1 : 0, isRejected: isTroubled && number % 200 == 2,
                    padding: padding)
            }
            switch Int.random(in: 0..<20) {
            case 0..<11: await history.send(to: queue, make: make)
            case 11: await history.send(to: queue, 5, make: make)
            case 12: await history.send(to: queue, delay: .milliseconds(100), make: make)
            case 13: await history.send(to: queue, 3, key: key(number), make: make)
            default: await history.send(to: queue, key: key(number), make: make)
            }
        }
    }

    /// Runs a body while nothing is enqueued but by the body.
    func whilePaused(_ body: () async throws -> Void) async throws {
        isPaused.withLockedValue { $0 = true }
        let result = await Result { try await body() }
        isPaused.withLockedValue { $0 = false }
        try result.get()
    }

    private func key(_ number: Int) -> String { "https://example.com/users/\(number / 2)/\(Int.random(in: 0..<3))" }

    /// Waits until so many more messages were handled.
    func progress(_ count: Int = 100, within limit: Duration = .seconds(120)) async throws {
        let before = history.count(.returned)
        try await eventually(within: limit) { history.count(.returned) >= before + count }
    }

    // MARK: - The end

    /// The numbers of the messages in a table, with their attempts.
    private func numbers(in table: String) async throws -> [Int: Int] {
        let rows = try await server.sql("SELECT message, attempts FROM `\(table)`")
        return rows.reduce(into: [:]) { numbers, row in
            let message = try? JSONDecoder().decode(RecordedMessage.self, from: Data((row[0] ?? "").utf8))
            numbers[message?.number ?? -1] = Int(row[1] ?? "")
        }
    }

    /// Holds the history to the queue's promises.
    ///
    /// - Returns: How many messages were lost.
    @discardableResult
    func check(
        _ fault: String, times: Int = 1, _ rules: QueueHistoryChecker.Rules = QueueHistoryChecker.Rules(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> QueueHistoryChecker {
        var rules = rules
        rules.lease = options.delivery.lease
        rules.maximumAttempts = options.delivery.maximumAttempts
        let checker = try await QueueHistoryChecker(
            history.events, left: Set(numbers(in: table).keys), dead: numbers(in: table + "_dead"), rules: rules)
        let violations = checker.violations
        FaultReport.add(server, "queue: " + fault, times: times, history, checker, violations.count)
        #expect(
            violations.isEmpty, "\(violations.count): \(violations.prefix(20).joined(separator: "\n"))",
            sourceLocation: sourceLocation)
        return checker
    }
}
