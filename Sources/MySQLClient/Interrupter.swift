import Locking

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Ends a blocked call into Connector/C from another thread, by shutting its socket down: the call returns at once with
/// "lost connection".
final class Interrupter: Sendable {
    private struct State {
        var socket: Int32?
        var isInterrupted = false
    }

    private let state = Locked(State())

    /// The connection can't be used any more.
    var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// The connection's socket is known.
    func open(_ socket: Int32) {
        state.withLock { state in
            guard socket >= 0, state.socket != socket else { return }
            state.socket = socket
            if state.isInterrupted { Self.shut(socket) }
        }
    }

    /// The socket is about to be closed; its number may soon be another's.
    func close() {
        state.withLock { $0.socket = nil }
    }

    /// Ends what the connection is doing.
    func interrupt() {
        state.withLock { state in
            state.isInterrupted = true
            if let socket = state.socket { Self.shut(socket) }
        }
    }

    private static func shut(_ socket: Int32) {
        _ = shutdown(socket, Int32(SHUT_RDWR))
    }
}
