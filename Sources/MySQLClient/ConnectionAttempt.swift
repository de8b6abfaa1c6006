/// A connection that is being opened: what Connector/C's callbacks need to know.
final class ConnectionAttempt {
    let password: String
    let isUnixSocket: Bool
    let serverPublicKeyFile: String?
    let allowPublicKeyRetrieval: Bool
    let interrupter: Interrupter
    /// Why we gave up the log-in ourselves, if we did.
    private(set) var refusal: String?
    private var greeting = Greeting()

    /// The server's first packet, as far as it was read.
    private struct Greeting {
        /// The length of the packet that follows, in three bytes, and its number.
        var header: [UInt8] = []
        /// Bytes read, of it and of what is behind it.
        var count = 0

        /// With its header.
        var size: Int? {
            header.count < 4 ? nil : 4 + Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16
        }
    }

    init(_ configuration: MySQLConfiguration, _ address: MySQLConfiguration.Address, _ interrupter: Interrupter) {
        password = configuration.password.text
        if case .unixSocket = address { isUnixSocket = true } else { isUnixSocket = false }
        serverPublicKeyFile = configuration.serverPublicKeyFile
        allowPublicKeyRetrieval = configuration.allowPublicKeyRetrieval
        self.interrupter = interrupter
    }

    func refuse(_ reason: String) {
        refusal = reason
    }

    /// Looks at what was read. A server has nothing to say behind its greeting, before it was answered: whoever slips
    /// bytes in there wants them taken for what comes after the TLS handshake, which Connector/C would do.
    func watch(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard greeting.count != greeting.size else { return }
        greeting.header += bytes.prefix(4 - greeting.header.count)
        greeting.count += bytes.count
        guard let size = greeting.size, greeting.count > size else { return }
        refuse("the server, or someone before it, sent more than a greeting before it was answered")
        interrupter.interrupt()
    }
}
