import FedifyMQ
import FedifyMySQL
import Foundation
import MySQLClient
import NIOConcurrencyHelpers
import QueueRecording
import Testing

/// A connection of a queue that breaks at any byte, while it is being opened and later.
@Suite struct QueueCutConnectionTests {
    /// In bytes.
    private static let step = FaultTests.times > 1 ? 7 : 331
    /// Listeners that break at the same time, at different bytes.
    private static let lanes = 8

    /// Which connection breaks, and in which direction the bytes are counted.
    enum Cut: String, CaseIterable, CustomTestStringConvertible {
        case statements = "statements and messages"
        case answers = "answers"
        case lockStatements = "statements of the session of the locks"
        case lockAnswers = "answers to the session of the locks"

        var testDescription: String { rawValue }
        var isAnswer: Bool { self == .answers || self == .lockAnswers }
        /// A listener opens the session of the locks when it has a first message with a key.
        var connection: Int { self == .lockStatements || self == .lockAnswers ? 2 : 1 }
    }

    @Test(arguments: try await TestServer.all, Cut.allCases)
    func atAnyByteNothingIsLost(_ server: TestServer, _ cut: Cut) async throws {
        try await QueueScene.with(server, queues: 0, workers: 0, { $0.delivery.lease = .seconds(1) }) { queue in
            let (last, broken) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
            try await withThrowingTaskGroup { group in
                for lane in 0..<Self.lanes {
                    group.addTask {
                        try await queue.withProxy { proxy in
                            // Until no connection carries so much any more.
                            var unbroken = 0
                            while unbroken < 3 {
                                let bytes = last.withLockedValue { last in
                                    last += Self.step
                                    return last
                                }
                                proxy.cut(after: bytes, ofAnswers: cut.isAnswer, connection: cut.connection)
                                let before = proxy.broken
                                try await queue.handleSome(through: proxy, key: "lane \(lane)")
                                unbroken = proxy.broken > before ? 0 : unbroken + 1
                                broken.withLockedValue { $0 += proxy.broken - before }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Messages that were left to their leases.
            try await queue.withProxy { proxy in
                try await eventually {
                    try await queue.handleSome(through: proxy, key: "the end")
                    return try await server.sql("SELECT 1 FROM `\(queue.table)`").isEmpty
                }
            }
            let times = broken.withLockedValue(\.self)
            try await queue.check("connections cut after some bytes: \(cut.rawValue)", times: times)
            // A connection carries more than that while it is being opened.
            #expect(times >= 1000 / Self.step)
            #expect(queue.history.errors.isEmpty, "\(queue.history.errors)")
        }
    }
}

extension QueueScene {
    fileprivate func withProxy(_ body: (Proxy) async throws -> Void) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        try await body(proxy)
    }

    /// A new queue enqueues messages of each kind, and listens until they are handled.
    fileprivate func handleSome(through proxy: Proxy, key: String) async throws {
        let pool = try server.pool(1, through: proxy, isPlain: true)
        let queue = try MySQLMessageQueue(pool, options: options)
        let handler = RecordingHandler(worker: key) { [history] in history.record($0) }
        let listening = Task {
            try await queue.listen(for: RecordedMessage.self, concurrency: 4) { message, received in
                try await handler.handle(message, received)
            }
        }
        func failing(_ number: Int) -> RecordedMessage { RecordedMessage(number: number, failures: 1) }
        var numbers = await history.send(to: queue)
        numbers += await history.send(to: queue, 3, make: failing)
        numbers += await history.send(to: queue, key: key, make: failing)
        numbers += await history.send(to: queue, 3, key: key)
        numbers += await history.send(to: queue) { RecordedMessage(number: $0, isRejected: true) }
        let result = await Result { try await eventually { history.areHandled(numbers) } }
        listening.cancel()
        try await listening.value
        await pool.close()
        try result.get()
    }
}
