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
    /// Keeps one connection busy while a test does what should wait for it.
    func whileBusy<T>(_ body: () async throws -> T) async throws -> T {
        let (begun, gate) = (NIOLockedValueBox(false), Gate())
        let busy = Task {
            try await withConnection { _ in
                begun.withLockedValue { $0 = true }
                await gate.pass()
            }
        }
        try await eventually { begun.withLockedValue(\.self) }
        let result = await Result { try await body() }
        gate.open()
        try await busy.value
        return try result.get()
    }
}
