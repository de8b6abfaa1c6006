import CMariaDB
import Locking
import Synchronization

/// A connection that is being opened: what Connector/C's callbacks, which get no more than its handle, need to know.
final class ConnectionAttempt: Sendable {
    let password: String
    let isUnixSocket: Bool
    let serverPublicKeyFile: String?
    let allowPublicKeyRetrieval: Bool
    let interrupter: Interrupter
    private let refusalState = Locked<String?>(nil)

    init(_ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address, _ interrupter: Interrupter) {
        password = configuration.password.text
        if case .unixSocket = address { isUnixSocket = true } else { isUnixSocket = false }
        serverPublicKeyFile = configuration.serverPublicKeyFile
        allowPublicKeyRetrieval = configuration.allowPublicKeyRetrieval
        self.interrupter = interrupter
    }

    /// Why we gave up the log-in ourselves, if we did.
    var refusal: String? { refusalState.withLock { $0 } }

    func refuse(_ reason: String) {
        refusalState.withLock { $0 = reason }
    }

    // MARK: - Found by handle

    private static let current = Locked<[UInt: ConnectionAttempt]>([:])
    private static let count = Atomic(0)

    static func current(_ mysql: UnsafeMutablePointer<MYSQL>) -> ConnectionAttempt? {
        let handle = UInt(bitPattern: mysql)
        return current.withLock { $0[handle] }
    }

    /// Opens `mysql` through `connect` with this attempt in view of the callbacks.
    func run<T>(_ mysql: UnsafeMutablePointer<MYSQL>, _ connect: () -> T) -> T {
        _ = Self.watchesReads
        let handle = UInt(bitPattern: mysql)
        Self.current.withLock { $0[handle] = self }
        Self.count.add(1, ordering: .relaxed)
        defer {
            Self.count.subtract(1, ordering: .relaxed)
            Self.current.withLock { _ = $0.removeValue(forKey: handle) }
        }
        return connect()
    }

    /// Connector/C shows its socket to nobody while it connects, and its time limit is one for each read: a server that
    /// sends a byte a second would hold it for ever. From the first read on, this callback gives the socket to the
    /// interrupter, so that the watchdog can end the attempt.
    private static let watchesReads: Bool =
        ma_pvio_register_callback(1) { _, mysql, _, _ in
            guard ConnectionAttempt.count.load(ordering: .relaxed) > 0, let mysql,
                let attempt = ConnectionAttempt.current(mysql)
            else { return }
            attempt.interrupter.open(mysql_get_socket(mysql))
        } == 0
}
