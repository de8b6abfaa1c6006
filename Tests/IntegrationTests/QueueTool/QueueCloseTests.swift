import FedifyMQ
import FedifyMySQL
import NIOConcurrencyHelpers
import Testing

/// A queue that is closed by a signal, at whatever moment.
@Suite struct QueueCloseTests {
    /// A listener that begins at that moment ends as well: `close` would wait for it for ever.
    @Test(arguments: try await TestServer.all)
    func aListenerThatBeginsAtThatMomentEnds(_ server: TestServer) async throws {
        try await QueueTool.with(server) { tool in
            try await tool.queue.initialize()
            let isDone = NIOLockedValueBox(false)
            let rounds = Task {
                for round in 0..<2000 {
                    let queue = try MySQLMessageQueue(tool.queue.pool, options: tool.queue.options)
                    let listening = Task { try? await queue.listen(concurrency: 1) { _ in } }
                    for _ in 0..<round % 10 { await Task.yield() }
                    // Of a listener that isn't ended this is the way out.
                    await withTaskCancellationHandler {
                        await queue.close()
                    } onCancel: {
                        listening.cancel()
                    }
                    await listening.value
                }
                isDone.withLockedValue { $0 = true }
            }
            try await eventually(within: .seconds(60)) { isDone.withLockedValue(\.self) }
            rounds.cancel()
            _ = await rounds.result
        }
    }
}
