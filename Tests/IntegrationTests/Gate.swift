import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Keeps tasks waiting until it is opened: a connection that one of them holds stays busy so long.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    /// Waits until the gate is open.
    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLockedValue { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

extension MySQLPool {
    /// Keeps so many connections busy while a test does what should wait for them. It fails the test if it doesn't have
    /// them within the limit.
    func whileBusy<T>(
        connections: Int = 1, within limit: Duration = .seconds(20),
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> T
    ) async throws -> T {
        let (busy, gate) = (NIOLockedValueBox(0), Gate())
        let holders = (0..<connections).map { _ in
            Task {
                try await withConnection(deadline: .now + .seconds(60)) { _ in
                    busy.withLockedValue { $0 += 1 }
                    await gate.pass()
                }
            }
        }
        let result = await Result {
            try await eventually(within: limit, sourceLocation: sourceLocation) {
                busy.withLockedValue { $0 == connections }
            }
            return try await body()
        }
        gate.open()
        for holder in holders { try await holder.value }
        return try result.get()
    }
}
