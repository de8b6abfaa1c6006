import MySQLProtocol
import NIOCore
import Testing

/// A login to a real server by a minimal client; the server took the client's bytes, or
/// refused for the reason named.
struct Login: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var server: String
    var user: String
    var password: String
    var database: String
    var tls: Bool
    /// "logged in", "failed: " with the server's error, or "refused: " with ours.
    var outcome: String
    /// The sent packets in order; inside TLS in plain text.
    var packets: [String]

    var testDescription: String { "\(server): \(name)" }

    static let all: [Login] = Capture.read("logins")

    static func first(of server: String) throws -> Login {
        try #require(all.first { $0.server == server })
    }

    func packets(from side: String) -> [[UInt8]] {
        packets.filter { $0.hasPrefix(side) }.map { Samples.bytes(hex: String($0.dropFirst(side.utf8.count + 2))) }
    }

    /// The server's first packet, changed if need be.
    func greeting(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
        var packet = packets(from: "server")[0]
        change(&packet)
        return packet
    }

    func handshake(_ tls: Handshake.TLSDemand) -> Handshake {
        let policy = AuthenticationPolicy(password: Array(password.utf8))
        return Handshake(
            Handshake.Credentials(user: user, database: database, authentication: policy), tls: tls,
            maximumPacketSize: 1 << 24)
    }
}

extension Handshake {
    /// A packet with its header.
    mutating func receive(packet: [UInt8]) throws(Failure) -> Action {
        let payload = ByteBuffer(bytes: packet.dropFirst(4))
        let result = payload.withUnsafeReadableBytes { bytes in
            Result { () throws(Failure) in try receive(bytes, sequence: packet[3]) }
        }
        return try result.get()
    }
}

/// A partial login.
struct Conversation {
    /// As ``Login/packets``.
    var packets: [String] = []
    var outcome = "unfinished"
    /// The bytes sent before TLS.
    var clear: [[UInt8]] = []
    private(set) var session: Handshake.Session?
    private var handshake: Handshake
    private var isTLS = false

    init(_ login: Login, _ tls: Handshake.TLSDemand, from server: [[UInt8]] = []) {
        handshake = login.handshake(tls)
        for packet in server where outcome == "unfinished" { receive(packet) }
    }

    mutating func receive(_ packet: [UInt8]) {
        packets.append("server: \(Samples.hex(packet))")
        do throws(Handshake.Failure) {
            var action = try handshake.receive(packet: packet)
            if case .startTLS(let bytes) = action {
                send(bytes)
                isTLS = true
                action = try handshake.tlsIsReady(isVerified: false)
            }
            switch action {
            case .wait: break
            case .send(let bytes), .startTLS(let bytes): send(bytes)
            case .loggedIn(let session):
                self.session = session
                outcome = "logged in"
            }
        } catch {
            switch error {
            case .server(let error): outcome = "failed: \(error.code) \(error.sqlState) \(error.message)"
            case .refused(let reason): outcome = "refused: \(reason)"
            case .violation(let error): outcome = "violation: \(error.description)"
            }
        }
    }

    private mutating func send(_ bytes: ByteBuffer) {
        packets.append("client: \(Samples.hex(bytes.readableBytesView))")
        if !isTLS { clear.append(Array(bytes.readableBytesView)) }
    }
}

@Suite struct HandshakeTests {
    @Test(arguments: Login.all)
    func logInsGoAsTheServersTookThem(_ login: Login) {
        for tls: Handshake.TLSDemand in login.tls ? [.required, .preferred] : [.off] {
            let conversation = Conversation(login, tls, from: login.packets(from: "server"))
            #expect(conversation.packets == login.packets)
            #expect(conversation.outcome == login.outcome)
        }
    }

    @Test(arguments: Login.all.filter { !$0.password.isEmpty })
    func thePasswordIsNeverSentInTheClear(_ login: Login) {
        let password = Array(login.password.utf8)
        for tls: Handshake.TLSDemand in [.off, .preferred, .required] {
            let conversation = Conversation(login, tls, from: login.packets(from: "server"))
            for bytes in conversation.clear { #expect(!bytes.contains(password)) }
            #expect(!conversation.clear.isEmpty)
        }
    }

    @Test(arguments: ["mariadb", "mysql"])
    func theRequestForTLSNamesNobody(_ server: String) throws {
        let login = try Login.first(of: server)
        for tls: Handshake.TLSDemand in [.preferred, .required] {
            var handshake = login.handshake(tls)
            guard case .startTLS(let request) = try handshake.receive(packet: login.greeting()) else {
                Issue.record("TLS was not begun")
                continue
            }
            // The header, and 32 bytes.
            #expect(request.readableBytes == 36)
            #expect(Samples.hex(request.getBytes(at: 0, length: 4) ?? []) == "20000001")
            // Capabilities, with that of TLS; the largest packet; the collation; nothing.
            #expect(try #require(request.getInteger(at: 5, as: UInt8.self)) & 0x08 != 0)
            #expect(Samples.hex(request.getBytes(at: 8, length: 5) ?? []) == "000000012d")
            #expect(request.getBytes(at: 13, length: 19) == Array(repeating: 0, count: 19))
        }
    }

    @Test(arguments: ["mariadb", "mysql"])
    func nothingIsSentToAServerWithoutTLSWhereItIsRequired(_ server: String) throws {
        let login = try Login.first(of: server)
        let greeting = login.greeting { packet in packet[Self.capabilities(of: packet) + 1] &= ~0x08 }
        let required = Conversation(login, .required, from: [greeting])
        #expect(required.clear.isEmpty)
        #expect(required.outcome.hasPrefix("refused: the server doesn't offer TLS"))
        // Where TLS is only preferred, the login continues without it.
        let preferred = Conversation(login, .preferred, from: [greeting])
        #expect(preferred.clear == [login.packets(from: "client")[0]])
    }

    /// Neither a changed greeting nor bytes instead of the TLS handshake make the client send login data.
    @Test(arguments: ["mariadb", "mysql"])
    func noGreetingBringsTheLogInOutBeforeTLS(_ server: String) throws {
        let login = try Login.first(of: server)
        for index in login.greeting().indices.dropFirst(4) {
            for byte: UInt8 in [0x00, 0x01, 0x0A, 0xFE, 0xFF] {
                var handshake = login.handshake(.required)
                let action = try? handshake.receive(packet: login.greeting { $0[index] = byte })
                switch action {
                case .startTLS(let request): #expect(request.readableBytes == 36)
                case nil: break
                case .wait, .send, .loggedIn: Issue.record("byte \(index) as \(byte) skips TLS")
                }
                #expect(throws: Handshake.Failure.self) {
                    try handshake.receive(packet: [0x07, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0])
                }
                // A failure is the end.
                #expect(throws: Handshake.Failure.self) { try handshake.tlsIsReady(isVerified: true) }
            }
        }
    }

    /// Whatever a byte is changed to: a session, more to wait for, or a failure; and never a crash.
    @Test(arguments: Login.all)
    func aChangedByteDoesNoHarm(_ login: Login) {
        var before = Conversation(login, login.tls ? .required : .off)
        for var packet in login.packets(from: "server") {
            let isRefusal = packet[4] == 0xFF
            for (index, byte) in packet.enumerated().dropFirst(3) {
                for changed: UInt8 in [0x00, 0xFE, 0xFF] where changed != byte {
                    packet[index] = changed
                    var conversation = before
                    conversation.receive(packet)
                    // A refusal is turned into a session by its first byte alone.
                    if isRefusal, index != 4 { #expect(conversation.session == nil) }
                    if login.tls { #expect(conversation.clear.allSatisfy { $0.count == 36 }) }
                }
                packet[index] = byte
            }
            before.receive(packet)
        }
        #expect(before.outcome == login.outcome)
    }

    @Test(arguments: Login.all)
    func aPacketThatBreaksOffIsAFailureOrWaitsForMore(_ login: Login) {
        var before = Conversation(login, login.tls ? .required : .off)
        for packet in login.packets(from: "server") {
            for count in 4..<packet.count {
                var conversation = before
                conversation.receive(Array(packet.prefix(count)))
                if count == 4 { #expect(conversation.outcome == "violation: \(ProtocolError.truncated.description)") }
                // An OK is taken for what it is by its first byte.
                if packet[4] != 0 || count == 4 { #expect(conversation.session == nil) }
            }
            before.receive(packet)
        }
    }

    @Test func bothSidesAgreeOnWhatBothCan() throws {
        for (server, isMariaDB) in [("mariadb", true), ("mysql", false)] {
            let login = try Login.first(of: server)
            let conversation = Conversation(login, .off, from: login.packets(from: "server"))
            let session = try #require(conversation.session)
            #expect(session.capabilities.isSuperset(of: [.deprecateEOF, .foundRows, .connectWithDatabase]))
            #expect(session.capabilities.isDisjoint(with: [.tls, .localFiles]))
            #expect(session.capabilities.contains(.mariaDBBulkOperations) == isMariaDB)
            #expect(session.capabilities.contains(.longPassword) == !isMariaDB)
        }
    }

    /// Where the capabilities begin, in a greeting with its header.
    static func capabilities(of packet: [UInt8]) -> Int {
        // After the version, its NUL, the id, eight bytes of the challenge and a NUL.
        (packet[5...].firstIndex(of: 0) ?? 0) + 1 + 4 + 8 + 1
    }
}
