import CMariaDB

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What Connector/C reads from a connection's socket, seen by its callback. It lives on the connection's thread.
final class ConnectionReads {
    /// The most that an honest server sends before a first row, in bytes: it describes parameters and columns.
    static let maximumDescription = 1 << 20

    /// While the connection is being opened.
    private(set) var attempt: ConnectionAttempt?
    /// The server has sent more than it may.
    private(set) var isExceeded = false
    private var allowance = Int.max
    private let interrupter: Interrupter

    init(_ interrupter: Interrupter) {
        self.interrupter = interrupter
    }

    /// Lets the callback find this by the connection's handle, which must not outlive it.
    func watch(_ mysql: UnsafeMutablePointer<MYSQL>) {
        _ = Self.isRegistered
        _ = fedify_kv_set_context(mysql, Unmanaged.passUnretained(self).toOpaque())
    }

    static func of(_ mysql: UnsafeMutablePointer<MYSQL>) -> ConnectionReads? {
        fedify_kv_context(mysql).map { Unmanaged<ConnectionReads>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Opens the connection with the attempt in view of the callbacks.
    func during<T>(_ attempt: ConnectionAttempt, _ connect: () -> T) -> T {
        self.attempt = attempt
        defer { self.attempt = nil }
        return connect()
    }

    /// Runs a call that reads no more than a few packets from an honest server: one that goes on and on, and fills our
    /// memory, is hung up on.
    func limited<T>(_ call: () -> T) -> T {
        allowance = Self.maximumDescription
        defer { allowance = .max }
        return call()
    }

    private func didRead(_ bytes: UnsafeBufferPointer<UInt8>, _ mysql: UnsafeMutablePointer<MYSQL>) {
        if let attempt {
            // Connector/C shows its socket to nobody while it connects, and its time limit is one for each read: a
            // server that sends a byte a second would hold it for ever. The interrupter can end the attempt.
            interrupter.open(mysql_get_socket(mysql))
            attempt.watch(bytes)
        }
        allowance -= bytes.count
        guard allowance < 0, !isExceeded else { return }
        isExceeded = true
        _ = shutdown(mysql_get_socket(mysql), Int32(SHUT_RDWR))
    }

    private static let isRegistered: Bool =
        ma_pvio_register_callback(1) { mode, mysql, bytes, count in
            // A read that failed has read -1 bytes. Connections of others have no context of ours.
            guard mode == 0, count > 0, let mysql, let reads = ConnectionReads.of(mysql) else { return }
            reads.didRead(UnsafeBufferPointer(start: bytes, count: count), mysql)
        } == 0
}
