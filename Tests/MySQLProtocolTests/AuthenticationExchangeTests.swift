import MySQLProtocol
import Testing

@Suite struct AuthenticationExchangeTests {
    // MARK: The start

    @Test(arguments: AuthenticationMethod.allCases)
    func methodsAreKnownByTheirNames(method: AuthenticationMethod) throws {
        #expect(try Samples.exchange(method).method == method)
    }

    @Test(arguments: [
        ("", ""), ("mysql_old_password", "mysql_old_password"), ("sha256_password", "sha256_password"),
        ("dialog", "dialog"), ("auth_gssapi_client", "auth_gssapi_client"),
        ("MYSQL_NATIVE_PASSWORD", "MYSQL_NATIVE_PASSWORD"),
        ("a\u{1B}[31m'\\\n\0", "a\\x1b[31m\\x27\\x5c\\x0a\\x00"), ("ß", "\\xc3\\x9f"),
        (String(repeating: "n", count: 1000), String(repeating: "n", count: 64)),
        (String(repeating: "\n", count: 1000), String(repeating: "\\x0a", count: 16)),
        ("n" + String(repeating: "\n", count: 1000), "n" + String(repeating: "\\x0a", count: 15)),
    ])
    func unknownMethodsAreRefusedByTheirNames(name: String, shown: String) {
        let refusal = #expect(throws: AuthenticationRefusal.self) {
            try AuthenticationExchange(methodName: name, challenge: Samples.nonce, policy: Samples.policy())
        }
        #expect(
            refusal?.message == "the server requests the authentication method '\(shown)', which is not supported; "
                + "supported are mysql_native_password, caching_sha2_password, client_ed25519, parsec, "
                + "mysql_clear_password")
    }

    @Test(arguments: AuthenticationMethod.allCases, 0...40)
    func challengesOfWrongLengthAreRefused(method: AuthenticationMethod, length: Int) {
        let lengths: ClosedRange<Int> =
            switch method {
            case .nativePassword, .cachingSHA2: 20...21
            case .ed25519, .parsec: 32...33
            case .clearPassword: 0...40
            }
        let challenge = Array(repeating: UInt8(0x5A), count: length)
        // The byte after the challenge may only be NUL.
        for (bytes, highest) in [
            (challenge, method == .clearPassword ? 40 : lengths.lowerBound),
            (challenge.dropLast() + (length > 0 ? [0] : []), lengths.upperBound),
        ] {
            let isTaken = lengths.contains(length) && length <= highest
            let exchange = try? AuthenticationExchange(
                methodName: method.rawValue, challenge: bytes, policy: Samples.policy())
            #expect((exchange != nil) == isTaken)
        }
    }

    @Test(arguments: AuthenticationMethod.allCases)
    func theNULAfterTheChallengeChangesNothing(method: AuthenticationMethod) throws {
        var plain = try Samples.exchange(method)
        var ended = try AuthenticationExchange(
            methodName: method.rawValue, challenge: Samples.challenge(for: method) + [0], policy: Samples.policy())
        #expect(try plain.initialResponse() == ended.initialResponse())
    }

    // MARK: The password in clear

    @Test(arguments: [false, true], [false, true])
    func clearPasswordNeedsPermissionAndAVerifiedServer(allows: Bool, isVerified: Bool) throws {
        let policy = AuthenticationPolicy(
            password: Array(Samples.password.utf8), isPrivate: true, isVerified: isVerified,
            allowsClearPassword: allows)
        if allows && isVerified {
            var exchange = try Samples.exchange(.clearPassword, policy)
            #expect(try exchange.initialResponse() == Array("secret".utf8) + [0])
        } else {
            let refusal = #expect(throws: AuthenticationRefusal.self) {
                try Samples.exchange(.clearPassword, policy)
            }
            #expect(
                refusal?.message
                    == "the server requests the password in clear text (mysql_clear_password); that needs "
                    + "allow-cleartext-password=true and tls=verify-ca or verify-identity")
        }
    }

    @Test func nothingIsAllowedUnlessSaid() {
        let policy = AuthenticationPolicy(password: [])
        #expect(!policy.isPrivate && !policy.isVerified && policy.serverPublicKey == nil)
        #expect(!policy.allowsPublicKeyRetrieval && !policy.allowsClearPassword)
    }

    // MARK: caching_sha2_password

    @Test func fastAuthenticationWaitsForTheServersOK() throws {
        var exchange = try Samples.exchange(.cachingSHA2)
        _ = try exchange.initialResponse()
        #expect(try exchange.receive(moreData: [3]) == .wait)
    }

    @Test func fullAuthenticationSendsThePasswordOnAPrivateConnection() throws {
        var exchange = try Samples.exchange(.cachingSHA2)
        _ = try exchange.initialResponse()
        #expect(try exchange.receive(moreData: [4]) == .send(Array("secret".utf8) + [0]))
    }

    // MARK: The order

    /// Valid and invalid messages of servers.
    static let messages: [[UInt8]] = [
        [], [0], [1], [2], [3], [4], [5], [0xFE], [0xFF], [3, 0], [4, 0], [3, 4], [4, 4],
        Array(AuthenticationRSATests.publicKey.utf8), Samples.parsecSalt, Samples.nonce, Samples.longNonce,
        Array(repeating: 4, count: 100_000),
    ]

    @Test(arguments: AuthenticationMethod.allCases, messages)
    func messagesBeforeTheFirstAnswerAreRefused(method: AuthenticationMethod, message: [UInt8]) throws {
        var exchange = try Samples.exchange(method)
        #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: message) }
        #expect(throws: AuthenticationRefusal.self) { try exchange.initialResponse() }
    }

    @Test(arguments: AuthenticationMethod.allCases)
    func theFirstAnswerIsGivenOnce(method: AuthenticationMethod) throws {
        var exchange = try Samples.exchange(method)
        _ = try exchange.initialResponse()
        for _ in 0..<2 { #expect(throws: AuthenticationRefusal.self) { try exchange.initialResponse() } }
        for message in Self.messages {
            #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: message) }
        }
    }

    /// Every pair of messages, on connections that are private or not: only these answers exist, and never a second
    /// time.
    @Test(arguments: AuthenticationMethod.allCases, [false, true])
    func onlyExpectedMessagesAreAnswered(method: AuthenticationMethod, isPrivate: Bool) throws {
        for first in Self.messages {
            for second in Self.messages {
                var exchange = try Samples.exchange(method, Samples.policy(isPrivate: isPrivate))
                _ = try exchange.initialResponse()
                let asksForKey = method == .cachingSHA2 && !isPrivate && first == [4]
                let isFirstExpected =
                    method == .cachingSHA2 && (first == [3] || first == [4])
                    || method == .parsec && first == Samples.parsecSalt
                let isSecondExpected = asksForKey && second == Array(AuthenticationRSATests.publicKey.utf8)
                let steps = [first, second].map { try? exchange.receive(moreData: $0) }
                #expect((steps[0] != nil) == isFirstExpected)
                #expect((steps[1] != nil) == isSecondExpected)
                #expect((steps[0] == .send([2])) == asksForKey)
                // And nothing more after that.
                for third in [[3], [4], second] {
                    #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: third) }
                }
            }
        }
    }

    @Test(arguments: [AuthenticationMethod.nativePassword, .cachingSHA2], messages)
    func anEmptyPasswordIsAnsweredWithNothing(method: AuthenticationMethod, message: [UInt8]) throws {
        var exchange = try Samples.exchange(method, Samples.policy(""))
        #expect(try exchange.initialResponse() == [])
        #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: message) }
    }

    // MARK: Secrets

    /// The text of the password, and its bytes as arrays are printed.
    private func showsPassword(_ text: String) -> Bool {
        let bytes = Samples.password.utf8.map { "\($0)" }
        return text.contains(Samples.password) || text.contains(bytes.prefix(2).joined(separator: ", "))
            || text.contains("- \(bytes[0])\n")
    }

    private func texts(of value: Any) -> [String] {
        var dumped = ""
        dump(value, to: &dumped)
        return [String(describing: value), String(reflecting: value), "\(value)", dumped]
    }

    @Test(arguments: AuthenticationMethod.allCases)
    func noDescriptionShowsThePassword(method: AuthenticationMethod) throws {
        var exchange = try Samples.exchange(method)
        var values: [Any] = [Samples.policy(), exchange, [exchange], Optional(exchange) as Any]
        _ = try exchange.initialResponse()
        values.append(exchange)
        if let step = try? exchange.receive(moreData: [4]) { values += [step, exchange] }
        for text in values.flatMap(texts) { #expect(!showsPassword(text), "\(text.count) characters show it") }
    }

    @Test func thePasswordWouldBeFound() {
        struct Careless { let password = Array(Samples.password.utf8) }
        let shown = texts(of: Careless()).map(showsPassword)
        #expect(shown == [true, true, true, true])
    }

    @Test func descriptionsSayWhereTheLogInIs() throws {
        var exchange = try Samples.exchange(.cachingSHA2)
        #expect("\(exchange)" == "AuthenticationExchange(method: caching_sha2_password, state: start)")
        _ = try exchange.initialResponse()
        #expect("\(exchange)" == "AuthenticationExchange(method: caching_sha2_password, state: answered)")
        #expect("\(try exchange.receive(moreData: [4]))" == "send(7 bytes)")
        #expect("\(AuthenticationExchange.Step.wait)" == "wait")
        #expect(
            "\(AuthenticationPolicy(password: [1]))"
                == "AuthenticationPolicy(isPrivate: false, isVerified: false, hasServerPublicKey: false, "
                + "allowsPublicKeyRetrieval: false, allowsClearPassword: false)")
    }
}
