/// One login, from the server's challenge to its final packet, as a state machine that is a value.
///
/// After a refusal every further call is refused too. The final packet, OK or an error, is handled by the caller.
package struct AuthenticationExchange: Sendable {
    package let method: AuthenticationMethod
    private let challenge: [UInt8]
    private let policy: AuthenticationPolicy
    private let randomBytes: @Sendable (_ count: Int) -> [UInt8]
    private var state = State.start

    private enum State {
        /// Nothing was sent.
        case start
        /// The first answer was sent, and the method may continue.
        case answered
        /// The server's RSA key was requested.
        case awaitsKey
        /// Everything was sent.
        case finished
        case refused
    }

    package enum Step: Equatable, Sendable {
        case send([UInt8])
        case wait
    }

    /// - Parameters:
    ///   - methodName: The server's name for the method, from its greeting or its request to switch.
    ///   - challenge: The random bytes that came with the name; a NUL may end them.
    ///   - policy: The password, and how it may be sent.
    ///   - randomBytes: The source of the client's own random bytes; tests give fixed ones.
    /// - Throws: ``AuthenticationRefusal`` for an unknown method, for a clear password where it is not allowed, or for
    ///   a challenge of a wrong length.
    package init(
        methodName: String,
        challenge: [UInt8],
        policy: AuthenticationPolicy,
        randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8] = Self.systemRandomBytes
    ) throws(AuthenticationRefusal) {
        guard let method = AuthenticationMethod(rawValue: methodName) else { throw .unknownMethod(methodName) }
        if method == .clearPassword {
            guard policy.allowsClearPassword, policy.isVerified else { throw .clearPassword }
        }
        self.method = method
        self.challenge = try Self.withoutNUL(challenge, for: method)
        self.policy = policy
        self.randomBytes = randomBytes
    }

    /// MySQL: "Protocol::HandshakeV10" and "Protocol::AuthSwitchRequest" let a NUL end the challenge.
    private static func withoutNUL(
        _ challenge: [UInt8], for method: AuthenticationMethod
    ) throws(AuthenticationRefusal) -> [UInt8] {
        guard let length = method.challengeLength else { return [] }
        if challenge.count == length { return challenge }
        guard challenge.count == length + 1, challenge.last == 0 else { throw .wrongChallenge(for: method) }
        return Array(challenge.dropLast())
    }

    /// The first answer, in the handshake response or in the packet after a switch request.
    package mutating func initialResponse() throws(AuthenticationRefusal) -> [UInt8] {
        guard state == .start else {
            state = .refused
            throw .outOfOrder
        }
        switch method {
        case .nativePassword:
            state = .finished
            return NativePassword.scramble(password: policy.password, nonce: challenge)
        case .cachingSHA2:
            // An empty password has no second step: the server takes the empty answer or refuses it.
            state = policy.password.isEmpty ? .finished : .answered
            return CachingSHA2.scramble(password: policy.password, nonce: challenge)
        case .ed25519:
            state = .finished
            return Ed25519Password.sign(challenge, password: policy.password)
        case .parsec:
            // Empty: a request for the salt.
            state = .answered
            return []
        case .clearPassword:
            state = .finished
            return policy.password + [0]
        }
    }

    /// The server sent data of the method, and expects an answer or continues.
    ///
    /// MySQL puts 0x01 before all such data ("Protocol::AuthMoreData"). MariaDB does so only if the data's first byte
    /// could be mistaken for another packet (`server_mpvio_write_packet` in `sql/sql_acl.cc`): parsec's salt has no
    /// prefix.
    ///
    /// - Parameter data: What follows the 0x01; or the whole packet if it has none and is not an OK, error or switch
    ///   request.
    /// - Returns: What to do next.
    /// - Throws: ``AuthenticationRefusal`` for an unexpected message of the method, or one that can't be answered.
    package mutating func receive(moreData data: [UInt8]) throws(AuthenticationRefusal) -> Step {
        let before = state
        // The state after any error below.
        state = .refused
        let (step, after): (Step, State) =
            switch (method, before) {
            case (.cachingSHA2, .answered): try fastAuthenticationResult(data)
            case (.cachingSHA2, .awaitsKey): (.send(try passwordEncrypted(with: data)), .finished)
            case (.parsec, .answered): (.send(try parsecAnswer(to: data)), .finished)
            default: throw .unexpectedMessage(for: method)
            }
        state = after
        return step
    }

    /// MySQL: "Caching SHA-2 Pluggable Authentication"; MySQL's source: "caching_sha2_password information".
    private func fastAuthenticationResult(_ data: [UInt8]) throws(AuthenticationRefusal) -> (Step, State) {
        switch data {
        case [CachingSHA2.fastAuthenticationSucceeded]: return (.wait, .finished)
        case [CachingSHA2.performFullAuthentication]: break
        default: throw .unexpectedMessage(for: method)
        }
        if policy.isPrivate { return (.send(policy.password + [0]), .finished) }
        if let key = policy.serverPublicKey { return (.send(try passwordEncrypted(with: key)), .finished) }
        guard policy.allowsPublicKeyRetrieval else { throw .passwordWithoutTLS }
        return (.send([CachingSHA2.requestPublicKey]), .awaitsKey)
    }

    private func passwordEncrypted(with key: [UInt8]) throws(AuthenticationRefusal) -> [UInt8] {
        try CachingSHA2.encrypt(password: policy.password, nonce: challenge, publicKey: key)
    }

    private func parsecAnswer(to salt: [UInt8]) throws(AuthenticationRefusal) -> [UInt8] {
        try Parsec.answer(
            extendedSalt: salt, serverScramble: challenge, clientScramble: randomBytes(Parsec.scrambleLength),
            password: policy.password)
    }

    /// Random bytes of the operating system's generator.
    package static func systemRandomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}

// Without these, printing or dumping an exchange or a step would show the password.
extension AuthenticationExchange: CustomStringConvertible, CustomReflectable {
    package var description: String { "AuthenticationExchange(method: \(method.rawValue), state: \(state))" }

    package var customMirror: Mirror { Mirror(self, children: ["method": method.rawValue, "state": "\(state)"]) }
}

extension AuthenticationExchange.Step: CustomStringConvertible, CustomReflectable {
    package var description: String {
        switch self {
        case .send(let bytes): "send(\(bytes.count) bytes)"
        case .wait: "wait"
        }
    }

    package var customMirror: Mirror { Mirror(self, children: ["step": description]) }
}
