import MySQLProtocol
import NIOCore

/// The input's first byte says what the client expects, the second whether EOF is deprecated, the third the size of
/// reads; what follows is what a server sends.
enum ProtocolCheck {
    private static let headerSize = 3
    private static let maximumPayload = 4096

    static func check(_ input: [UInt8]) throws {
        guard input.count >= headerSize else { return }
        let stream = Array(input[headerSize...])
        let size = max(1, Int(input[2]))
        let whole = trace(input[0], isEOFDeprecated: input[1] & 1 == 1, [stream])
        let parts = stride(from: 0, to: stream.count, by: size).map { Array(stream[$0..<min($0 + size, stream.count)]) }
        let cut = trace(input[0], isEOFDeprecated: input[1] & 1 == 1, parts)
        try expect(whole == cut, "what is read doesn't depend on how it is cut")
    }

    private static func trace(_ kind: UInt8, isEOFDeprecated: Bool, _ parts: [[UInt8]]) -> [String] {
        switch kind % 5 {
        case 0: logIn(parts, tls: .off)
        case 1: logIn(parts, tls: .required)
        case 2: answers(parts, .text, isEOFDeprecated)
        case 3: answers(parts, .binary, isEOFDeprecated)
        default: answers(parts, .prepared, isEOFDeprecated)
        }
    }

    /// Every answer after the other, as long as the server sends any.
    private static func answers(
        _ parts: [[UInt8]], _ expectation: ResponseDecoder.Expectation, _ isEOFDeprecated: Bool
    ) -> [String] {
        var trace: [String] = []
        var response = ResponseDecoder(expectation, deprecatesEOF: isEOFDeprecated)
        decode(parts, &trace) { payload, trace throws(ProtocolError) in
            let answer = try response.decode(payload) { row throws(ProtocolError) in
                for _ in row.columns { trace.append(describe(try row.next())) }
            }
            switch answer {
            case nil: return
            case .done(let ok): trace.append("\(ok)")
            case .prepared(let statement): trace.append("\(statement)")
            case .failed(let error): trace.append("\(error)")
            }
            response = ResponseDecoder(expectation, deprecatesEOF: isEOFDeprecated)
        }
        return trace
    }

    private static func describe(_ value: ColumnValue) -> String {
        if case .bytes(let bytes) = value { return "\(Array(bytes))" }
        return "\(value)"
    }

    private static func logIn(_ parts: [[UInt8]], tls: Handshake.TLSDemand) -> [String] {
        var policy = AuthenticationPolicy(password: Array("secret".utf8))
        policy.allowsPublicKeyRetrieval = false
        var handshake = Handshake(
            Handshake.Credentials(user: "user", database: "db", authentication: policy), tls: tls,
            maximumPacketSize: maximumPayload)
        var trace: [String] = []
        decode(parts, &trace) { payload, trace throws(ProtocolError) in
            do throws(Handshake.Failure) {
                switch try handshake.receive(payload, sequence: 0) {
                case .wait: trace.append("wait")
                case .send(let packets): trace.append("send \(packets.readableBytes)")
                case .startTLS:
                    trace.append("TLS")
                    _ = try handshake.tlsIsReady(isVerified: true)
                case .loggedIn(let session): trace.append("\(session)")
                }
            } catch {
                trace.append("\(error)")
                throw ProtocolError("the login has failed")
            }
        }
        return trace
    }

    private static func decode(
        _ parts: [[UInt8]], _ trace: inout [String],
        _ packet: (UnsafeRawBufferPointer, inout [String]) throws(ProtocolError) -> Void
    ) {
        var decoder = PacketDecoder(maximumPayload: maximumPayload)
        for part in parts {
            do throws(ProtocolError) {
                try decoder.decode(ByteBuffer(bytes: part)) { _, payload throws(ProtocolError) in
                    try packet(payload, &trace)
                    return true
                }
            } catch {
                trace.append(error.description)
                return
            }
        }
    }
}
