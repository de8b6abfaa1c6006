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
///
/// It keeps a descriptor of its own of the socket: Connector/C closes its own as soon as a connection fails, and its
/// number may be another connection's a moment later.
final class Interrupter: Sendable {
    private struct State {
        /// Connector/C's descriptor, and ours.
        var socket: (theirs: Int32, ours: Int32)?
        var isInterrupted = false
    }

    private let state = Locked(State())

    /// The connection can't be used any more.
    var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// The connection's socket is known.
    func open(_ socket: Int32) {
        state.withLock { state in
            guard socket >= 0, state.socket?.theirs != socket else { return }
            Self.close(&state)
            let ours = dup(socket)
            guard ours >= 0 else { return }
            state.socket = (socket, ours)
            if state.isInterrupted { Self.shut(ours) }
        }
    }

    /// The connection is about to be closed. To be called in the end, or a descriptor is left.
    func close() {
        state.withLock { Self.close(&$0) }
    }

    /// Ends what the connection is doing.
    func interrupt() {
        state.withLock { state in
            state.isInterrupted = true
            if let socket = state.socket { Self.shut(socket.ours) }
        }
    }

    private static func close(_ state: inout State) {
        if let socket = state.socket { _ = closeDescriptor(socket.ours) }
        state.socket = nil
    }

    private static func shut(_ socket: Int32) {
        _ = shutdown(socket, Int32(SHUT_RDWR))
    }
}

/// The system's `close`, whose name the class's own method hides.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
