import MySQLProtocol
import NIOCore
import Testing

@Suite struct GreetingTests {
    private func parse(_ payload: some Sequence<UInt8>) throws(ProtocolError) -> Greeting {
        let buffer = ByteBuffer(bytes: payload)
        let result = buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(ProtocolError) in try Greeting(bytes) }
        }
        return try result.get()
    }

    private func greeting(of server: String) throws -> Greeting {
        try parse(try Login.first(of: server).greeting().dropFirst(4))
    }

    /// MariaDB 10 puts `5.5.5-` before its version, for clients of its replication.
    @Test func mariaDBSaysWhoItIs() throws {
        let greeting = try greeting(of: "mariadb")
        #expect(greeting.serverVersion.hasPrefix("5.5.5-10.11."))
        #expect(greeting.serverVersion.contains("-MariaDB"))
        #expect(greeting.connectionID == 8)
        #expect(Samples.hex(greeting.challenge) == "78254b2c3874626b73224a31563b656b67466651")
        #expect(greeting.methodName == "mysql_native_password")
        #expect(greeting.capabilities.isSuperset(of: [.tls, .protocol41, .deprecateEOF, .mariaDBBulkOperations]))
        #expect(!greeting.capabilities.contains(.longPassword))
    }

    @Test func mySQLSaysWhoItIs() throws {
        let greeting = try greeting(of: "mysql")
        #expect(greeting.serverVersion.hasPrefix("9.7."))
        #expect(greeting.connectionID == 13)
        #expect(Samples.hex(greeting.challenge) == "463f6f456d356a6b33061a21730359620b36237d")
        #expect(greeting.methodName == "caching_sha2_password")
        #expect(greeting.capabilities.isSuperset(of: [.tls, .protocol41, .deprecateEOF, .longPassword]))
        #expect(greeting.capabilities.rawValue >> 32 == 0)
    }

    @Test func everyCaptureHasAChallengeOfTwentyBytes() throws {
        for login in Login.all {
            let greeting = try parse(login.greeting().dropFirst(4))
            #expect(greeting.challenge.count == 20)
            #expect(!greeting.challenge.contains(0))
        }
    }

    /// MariaDB's extended capabilities are in a field that MySQL reserves.
    @Test(arguments: [("mariadb", true), ("mysql", false)])
    func onlyMariaDBsExtendedCapabilitiesAreRead(_ server: String, _ isMariaDB: Bool) throws {
        let packet = try Login.first(of: server).greeting { packet in
            // After capabilities, collation, status, more capabilities, the challenge's length and six bytes.
            let start = HandshakeTests.capabilities(of: packet) + 2 + 1 + 2 + 2 + 1 + 6
            packet.replaceSubrange(start..<start + 4, with: [0xFF, 0xFF, 0xFF, 0xFF])
        }
        let extended = try parse(packet.dropFirst(4)).capabilities.rawValue >> 32
        #expect(extended == (isMariaDB ? 0xFFFF_FFFF : 0))
    }

    @Test(arguments: ["mariadb", "mysql"])
    func aGreetingThatBreaksOffIsNeverTakenForAWholeOne(_ server: String) throws {
        let payload = try Login.first(of: server).greeting().dropFirst(4)
        let whole = try parse(payload)
        let name = whole.methodName.utf8.count
        let end = HandshakeTests.capabilities(of: try Login.first(of: server).greeting()) - 4 + 2
        for count in 0..<payload.count {
            let greeting = try? parse(payload.prefix(count))
            switch count {
            // The greeting of servers before 4.1, which are too old.
            case end:
                #expect(greeting?.capabilities.contains(.pluginAuthentication) == false)
            // The NUL after the method's name may be omitted.
            case payload.count - 1: #expect(greeting == whole)
            // The challenge or the name is shorter, so the login fails.
            case (payload.count - 1 - name - 13)...:
                #expect(greeting.map { $0.methodName != whole.methodName } ?? true)
            default: #expect(greeting == nil)
            }
        }
    }

    @Test(arguments: [0, 9, 11, 0x35] as [UInt8])
    func anotherVersionOfTheProtocolIsRefused(_ version: UInt8) throws {
        var payload = Array(try Login.first(of: "mysql").greeting().dropFirst(4))
        payload[0] = version
        let error = #expect(throws: ProtocolError.self) { try parse(payload) }
        #expect(error?.description == "the server uses version \(version) of the protocol; only 10 is supported")
    }

    /// A server that has too many connections says so instead of a greeting, without an SQLSTATE.
    @Test func anErrorInThePlaceOfAGreetingIsTheServers() throws {
        var handshake = try Login.first(of: "mysql").handshake(.required)
        let packet = [16, 0, 0, 0, 0xFF, 0x10, 0x04] + Array("Too many hosts".utf8)
        let failure = #expect(throws: Handshake.Failure.self) { try handshake.receive(packet: packet) }
        #expect(failure == .server(ErrorPacket(code: 1040, sqlState: "HY000", message: "Too many hosts")))
    }
}
