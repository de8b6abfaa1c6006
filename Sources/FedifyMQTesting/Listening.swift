import FedifyMQ
import Synchronization

/// A call of `listen` in a task of its own.
final class Listening: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var result: Result<Void, MQError>?
    }

    private let state = Mutex(State())

    init(
        on queue: any MessageQueue, concurrency: Int,
        handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) {
        let task = Task {
            let result: Result<Void, MQError>
            do throws(MQError) {
                try await queue.listen(concurrency: concurrency, handler: handler)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            state.withLock { $0.result = result }
        }
        state.withLock { $0.task = task }
    }

    /// How it has ended, as text; nil: it runs.
    var end: String? {
        switch state.withLock(\.result) {
        case nil: nil
        case .success: "it returned"
        case .failure(let error): "it threw \(error)"
        }
    }

    func cancel() { state.withLock(\.task)?.cancel() }
}
