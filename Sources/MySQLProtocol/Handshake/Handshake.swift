package import NIOCore

/// A login, from the server's greeting to its OK: packets in, actions out. No socket and no clock.
///
/// With ``TLSDemand/required`` and above, no login data is sent before ``tlsIsReady(isVerified:)``; the caller verifies
/// the server before it calls that.
package struct Handshake {
    package enum TLSDemand: Sendable {
        case off
        /// If the server offers it.
        case preferred
        case required
    }

    /// The credentials and options of the login.
    package struct Credentials: Sendable {
        package var user: String
        package var database: String
        package var authentication: AuthenticationPolicy

        package init(user: String, database: String, authentication: AuthenticationPolicy) {
            self.user = user
            self.database = database
            self.authentication = authentication
        }
    }

    package enum Action {
        case wait
        /// Packets to send.
        case send(ByteBuffer)
        /// Send this packet and begin a TLS handshake; then call ``Handshake/tlsIsReady(isVerified:)``.
        case startTLS(ByteBuffer)
        case loggedIn(Session)
    }

    /// The negotiated session.
    package struct Session: Equatable, Sendable {
        package let greeting: Greeting
        package let capabilities: Capabilities
    }

    /// Why the login failed.
    package enum Failure: Error, Equatable, Sendable {
        /// The server refused.
        case server(ErrorPacket)
        /// The client refused, for security.
        case refused(String)
        case violation(ProtocolError)
    }

    private enum State {
        case greeting
        case tls(Greeting)
        case authentication(Greeting, AuthenticationExchange, switches: Int)
        case ended
    }

    private let credentials: Credentials
    private let tls: TLSDemand
    private let maximumPacketSize: Int
    private var state = State.greeting
    /// The number of the next packet to send.
    private var sequence: UInt8 = 0
    private var capabilities: Capabilities = []
    private var authentication: AuthenticationPolicy

    package init(_ credentials: Credentials, tls: TLSDemand, maximumPacketSize: Int) {
        self.credentials = credentials
        self.tls = tls
        self.maximumPacketSize = maximumPacketSize
        authentication = credentials.authentication
    }

    /// The server sent a packet.
    package mutating func receive(
        _ payload: UnsafeRawBufferPointer, sequence: UInt8
    ) throws(Failure) -> Action {
        self.sequence = sequence &+ 1
        let former = state
        // Any error below ends the login.
        state = .ended
        guard let first = payload.first else { throw .violation(.truncated) }
        if first == PacketHeader.error { throw .server(try Self.parse(payload, ErrorPacket.init)) }
        switch former {
        case .greeting: return try greeted(payload)
        case .authentication(let greeting, let exchange, let switches):
            return try authenticated(first, payload, greeting, exchange, switches)
        case .tls: throw .violation(ProtocolError("the server sent a packet instead of a TLS handshake"))
        case .ended: throw .violation(ProtocolError("the server sent a packet after the login had ended"))
        }
    }

    /// The TLS handshake is done.
    ///
    /// - Parameter isVerified: The server's certificate was verified.
    /// - Returns: What to send next.
    /// - Throws: ``Failure``, which ends the login.
    package mutating func tlsIsReady(isVerified: Bool) throws(Failure) -> Action {
        guard case .tls(let greeting) = state else {
            throw .violation(ProtocolError("an unexpected TLS handshake"))
        }
        authentication.isPrivate = true
        authentication.isVerified = isVerified
        return try respond(greeting)
    }

    // MARK: - The greeting

    private mutating func greeted(_ payload: UnsafeRawBufferPointer) throws(Failure) -> Action {
        let greeting: Greeting
        do throws(ProtocolError) {
            greeting = try Greeting(payload)
        } catch {
            throw .violation(error)
        }
        guard greeting.capabilities.isSuperset(of: Capabilities.needed) else {
            throw .refused("the server is too old: it doesn't support authentication plugins (MySQL 5.5, MariaDB 5.5)")
        }
        capabilities = Capabilities.wanted.intersection(greeting.capabilities)
        if credentials.database.isEmpty { capabilities.remove(.connectWithDatabase) }
        // A MariaDB client omits this flag to announce that it reads the extended capabilities.
        if !greeting.capabilities.contains(.mariaDBBulkOperations) { capabilities.insert(.longPassword) }
        let offersTLS = greeting.capabilities.contains(.tls)
        if tls == .required, !offersTLS {
            throw .refused("the server doesn't offer TLS, which the configuration requires; nothing was sent")
        }
        guard tls != .off, offersTLS else { return try respond(greeting) }
        capabilities.insert(.tls)
        state = .tls(greeting)
        var packet = ByteBuffer()
        packet.writePacket(sequence: nextSequence()) { writeFixedFields(to: &$0) }
        return .startTLS(packet)
    }

    /// The common fields of the TLS request and the response.
    private func writeFixedFields(to packet: inout ByteBuffer) {
        packet.writeInteger(UInt32(truncatingIfNeeded: capabilities.rawValue), endianness: .little)
        packet.writeInteger(UInt32(clamping: maximumPacketSize), endianness: .little)
        packet.writeInteger(Self.utf8mb4)
        packet.writeRepeatingByte(0, count: 19)
        packet.writeInteger(UInt32(truncatingIfNeeded: capabilities.rawValue >> 32), endianness: .little)
    }

    /// The collation utf8mb4_general_ci, which makes all text of the login UTF-8.
    private static let utf8mb4: UInt8 = 45

    /// (MySQL: "Protocol::HandshakeResponse41".)
    private mutating func respond(_ greeting: Greeting) throws(Failure) -> Action {
        // An unknown proposed method may not be the account's: the server then requests another one.
        let isKnown = AuthenticationMethod(rawValue: greeting.methodName).map { $0 != .clearPassword } ?? false
        let methodName = isKnown ? greeting.methodName : AuthenticationMethod.nativePassword.rawValue
        var exchange = try begin(methodName, greeting.challenge)
        let response = try Self.answer { () throws(AuthenticationRefusal) in try exchange.initialResponse() }
        var packet = ByteBuffer()
        packet.writePacket(sequence: nextSequence()) { packet in
            writeFixedFields(to: &packet)
            packet.writeString(credentials.user + "\0")
            if capabilities.contains(.lengthEncodedAuthentication) {
                packet.writeLengthEncodedInteger(response.count)
            } else {
                packet.writeInteger(UInt8(clamping: response.count))
            }
            packet.writeBytes(response)
            if capabilities.contains(.connectWithDatabase) { packet.writeString(credentials.database + "\0") }
            packet.writeString(methodName + "\0")
        }
        state = .authentication(greeting, exchange, switches: 0)
        return .send(packet)
    }

    private func begin(_ methodName: String, _ challenge: [UInt8]) throws(Failure) -> AuthenticationExchange {
        try Self.answer { () throws(AuthenticationRefusal) in
            try AuthenticationExchange(methodName: methodName, challenge: challenge, policy: authentication)
        }
    }

    // MARK: - Authentication

    private mutating func authenticated(
        _ first: UInt8, _ payload: UnsafeRawBufferPointer, _ greeting: Greeting, _ exchange: AuthenticationExchange,
        _ switches: Int
    ) throws(Failure) -> Action {
        var exchange = exchange
        switch first {
        case PacketHeader.ok: return .loggedIn(Session(greeting: greeting, capabilities: capabilities))
        case PacketHeader.endOfFile:
            // MySQL requests another method once; multi-factor authentication would use other packets.
            guard switches == 0 else {
                throw .violation(ProtocolError("the server requested another authentication method twice"))
            }
            let (name, challenge) = try Self.parse(payload) { reader throws(ProtocolError) in
                // Servers before 4.1.1 request their method by this byte alone.
                guard reader.count > 0 else { return ("mysql_old_password", [UInt8]()) }
                return (try reader.readNullTerminated().text, Array(reader.readRest()))
            }
            exchange = try begin(name, challenge)
            let response = try Self.answer { () throws(AuthenticationRefusal) in try exchange.initialResponse() }
            state = .authentication(greeting, exchange, switches: switches + 1)
            return .send(packet(response))
        default:
            // A server puts 01 before data of its method if it could be mistaken for another packet; MySQL always does.
            let data = Array(first == PacketHeader.moreData ? payload.dropFirst() : payload[...])
            let step = try Self.answer { () throws(AuthenticationRefusal) in try exchange.receive(moreData: data) }
            state = .authentication(greeting, exchange, switches: switches)
            switch step {
            case .wait: return .wait
            case .send(let response): return .send(packet(response))
            }
        }
    }

    private mutating func packet(_ response: [UInt8]) -> ByteBuffer {
        var packet = ByteBuffer()
        packet.writePacket(sequence: nextSequence()) { $0.writeBytes(response) }
        return packet
    }

    private mutating func nextSequence() -> UInt8 {
        defer { sequence &+= 1 }
        return sequence
    }

    // MARK: - Errors

    /// Reads what follows the header byte of a packet.
    private static func parse<T>(
        _ payload: UnsafeRawBufferPointer, _ body: (inout PacketReader) throws(ProtocolError) -> T
    ) throws(Failure) -> T {
        var reader = PacketReader(payload)
        do throws(ProtocolError) {
            _ = try reader.readByte()
            return try body(&reader)
        } catch {
            throw .violation(error)
        }
    }

    private static func answer<T>(_ body: () throws(AuthenticationRefusal) -> T) throws(Failure) -> T {
        do throws(AuthenticationRefusal) {
            return try body()
        } catch {
            throw .refused(error.message)
        }
    }
}
