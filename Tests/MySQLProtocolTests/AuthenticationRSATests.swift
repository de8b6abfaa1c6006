import MySQLProtocol
import Testing
import _CryptoExtras

@Suite struct AuthenticationRSATests {
    private static let unusable =
        "the server's public key is not an RSA key in PEM form, or is too short for the password"

    /// The login after the server asked for the password, on a connection that others can read.
    private func exchange(
        password: String = Samples.password, serverPublicKey: String? = nil, allowsPublicKeyRetrieval: Bool = false
    ) throws -> AuthenticationExchange {
        let policy = AuthenticationPolicy(
            password: Array(password.utf8), serverPublicKey: serverPublicKey.map { Array($0.utf8) },
            allowsPublicKeyRetrieval: allowsPublicKeyRetrieval)
        var exchange = try Samples.exchange(.cachingSHA2, policy)
        _ = try exchange.initialResponse()
        return exchange
    }

    /// Decrypts as the server does: RSA with OAEP and SHA-1, and XOR with the nonce over and over.
    private func decrypted(_ step: AuthenticationExchange.Step) throws -> [UInt8] {
        guard case .send(let bytes) = step else { return [] }
        let key = try _RSA.Encryption.PrivateKey(pemRepresentation: Self.privateKey)
        let hidden = try key.decrypt(bytes, padding: .PKCS1_OAEP)
        return hidden.enumerated().map { $1 ^ Samples.nonce[$0 % Samples.nonce.count] }
    }

    @Test(arguments: [publicKey, publicKeyPKCS1, publicKey.replacing("\n", with: "\r\n")])
    func theNamedKeyEncryptsThePassword(key: String) throws {
        var exchange = try exchange(serverPublicKey: key, allowsPublicKeyRetrieval: true)
        #expect(try decrypted(exchange.receive(moreData: [4])) == Array("secret".utf8) + [0])
    }

    @Test(arguments: ["a", "secret", "paßwört 🔑", String(repeating: "x", count: 213)])
    func theKeyThatTheServerSendsEncryptsThePassword(password: String) throws {
        var exchange = try exchange(password: password, allowsPublicKeyRetrieval: true)
        #expect(try exchange.receive(moreData: [4]) == .send([2]))
        let step = try exchange.receive(moreData: Array(Self.publicKey.utf8))
        #expect(try decrypted(step) == Array(password.utf8) + [0])
    }

    @Test func everyEncryptionIsAnother() throws {
        let steps = try (0..<2).map { _ in
            var exchange = try exchange(serverPublicKey: Self.publicKey)
            return try exchange.receive(moreData: [4])
        }
        #expect(steps[0] != steps[1])
    }

    @Test func aPasswordThatIsTooLongForTheKeyIsRefused() throws {
        var exchange = try exchange(
            password: String(repeating: "x", count: 214), serverPublicKey: Self.publicKey)
        let refusal = #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: [4]) }
        #expect(refusal?.message == Self.unusable)
    }

    static let unusableKeys: [String] = [
        "", "\0", "no key", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        publicKey.replacing("A", with: "B"), String(publicKey.prefix(200)), shortKey, curveKey, privateKey,
        String(repeating: publicKey, count: 40), String(repeating: "-----BEGIN ", count: 2000),
    ]

    @Test(arguments: unusableKeys)
    func unusableKeysAreRefusedWhetherNamedOrSent(key: String) throws {
        var named = try exchange(serverPublicKey: key)
        let refusalOfNamed = #expect(throws: AuthenticationRefusal.self) { try named.receive(moreData: [4]) }
        #expect(refusalOfNamed?.message == Self.unusable)

        var sent = try exchange(allowsPublicKeyRetrieval: true)
        #expect(try sent.receive(moreData: [4]) == .send([2]))
        let refusalOfSent = #expect(throws: AuthenticationRefusal.self) { try sent.receive(moreData: Array(key.utf8)) }
        #expect(refusalOfSent?.message == Self.unusable)
    }

    @Test func withoutAKeyThePasswordIsNotSent() throws {
        var exchange = try exchange()
        let refusal = #expect(throws: AuthenticationRefusal.self) { try exchange.receive(moreData: [4]) }
        #expect(
            refusal?.message == "the server requests the password on a connection without TLS; use tls=require, "
                + "or configure the server's RSA key with server-public-key, "
                + "or trust the key it sends with allow-public-key-retrieval=true")
    }

    // The keys were made with OpenSSL for these tests, and protect nothing.

    /// 2048 bits, in the form that servers send.
    static let publicKey = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwV9QNo6hrXKJVFmIwM4f
        rMM3F4+T6zfjJWtgbPINoItj99Rr9mdGNPT5chHtHaTb5DbBLn0d8ZInDM+i42T/
        +hbULU5tG1dc+Df1w2/5yjyRbI9i+bSoMpaWMKeBjBWdAuLkMKRq1mCy4T2AnT+Z
        HqrLHETmuFxgMv1Qqn3hl9b+Xw8r1jCCUfprC2LJJ93QjT8t5jQhMwNEmKTfA6J8
        jvNuuuhhhmKr8T2nXNL7Izi1Gv61CszAiDV40MG/AX0PFlUCluTm97qkfYNNugqy
        3ov4Ju+8VG3MlEjus4OPjhzojpxJmK4eqLbCwE6HDiqMQpL9rk7+4LlUert+wSpG
        yQIDAQAB
        -----END PUBLIC KEY-----

        """

    /// The same key in the form of PKCS #1.
    static let publicKeyPKCS1 = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEAwV9QNo6hrXKJVFmIwM4frMM3F4+T6zfjJWtgbPINoItj99Rr9mdG
        NPT5chHtHaTb5DbBLn0d8ZInDM+i42T/+hbULU5tG1dc+Df1w2/5yjyRbI9i+bSo
        MpaWMKeBjBWdAuLkMKRq1mCy4T2AnT+ZHqrLHETmuFxgMv1Qqn3hl9b+Xw8r1jCC
        UfprC2LJJ93QjT8t5jQhMwNEmKTfA6J8jvNuuuhhhmKr8T2nXNL7Izi1Gv61CszA
        iDV40MG/AX0PFlUCluTm97qkfYNNugqy3ov4Ju+8VG3MlEjus4OPjhzojpxJmK4e
        qLbCwE6HDiqMQpL9rk7+4LlUert+wSpGyQIDAQAB
        -----END RSA PUBLIC KEY-----

        """

    /// The same key's private half.
    static let privateKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDBX1A2jqGtcolU
        WYjAzh+swzcXj5PrN+Mla2Bs8g2gi2P31Gv2Z0Y09PlyEe0dpNvkNsEufR3xkicM
        z6LjZP/6FtQtTm0bV1z4N/XDb/nKPJFsj2L5tKgylpYwp4GMFZ0C4uQwpGrWYLLh
        PYCdP5keqsscROa4XGAy/VCqfeGX1v5fDyvWMIJR+msLYskn3dCNPy3mNCEzA0SY
        pN8DonyO82666GGGYqvxPadc0vsjOLUa/rUKzMCINXjQwb8BfQ8WVQKW5Ob3uqR9
        g026CrLei/gm77xUbcyUSO6zg4+OHOiOnEmYrh6otsLATocOKoxCkv2uTv7guVR6
        u37BKkbJAgMBAAECggEAB4yPhpm54RoUF2lpZ9GENgvm9jICPdAQO5E+EfK/KnHW
        pMGzt0pf2MhphpUBk0Mw3G9wyj5TMW+Zu6vNeaAjSCGlBeHGa6dU91HD8+3GrCkC
        KmFMpV/yowry8RJRAeWEHC08aFO64gSjZxyuDTWC5koXpNJhyXe9v6/Y+tbwPCu0
        og9Hoka4bJkL6CQ+p1ZSuwHWee908+652gXBbIo5QZc1xZsu+1CFKcEKqiwRsA77
        p92Ygf6H6C1mtLjyKoUa+ot8q2wWyUYu/Gui8CmCL7D+mayUgGXdPY/7XY/opYBY
        p0/SZbFNtVv6rxFukVkuLDmhZeYas0ygpJwcx80r6QKBgQDgmL0+Nue23hHi23Nx
        Z3vAbmfvDfDDwT5uzAoRktIXCY6J1hmhu26qJpIPviMwEPicDc6lnlHRwMCJbt8c
        +7ywr8DyPQaK2/tCBlf+F3lTx5FKTDeOs1oN7qyX2ot86xjuo/4tBfwb4L6cZY6X
        +zvvMFKc5xJFrz6FFXW+w3tXzQKBgQDcaOyMqOeRVj5ujay5Zohg705d74iRFfJ7
        xYoyuHD2BjkVClWE9WC5EleASOm9wC9qqhrCq3aXDpFQOgv34E1mymPqCaVONsQ2
        IQ51U8brAHKrlg+pdDbZ+GMQGgecbS9JP0UJ3FGDo+3whKmoQSJkTCezhhlK8DVs
        3TeaRwf27QKBgQDaTtyzmn7EWzqbfZ/KvUGmnCpeTPiX7kAXRjELP+ECD4IDLJ6h
        fCRnMzKKJtDhKb3dQfZ5OVhiP69mZuRrsa2JOGydiP/Q/V5OoQfqrTp7WuI4i7j8
        9gw0uqf8uqsW8xW68KBhdw3Es0HTl0txIvzw09GZPWmfXmWwylk24aAEiQKBgGfX
        82MODRQXexChJTiwix6IgPaW7VPV8EnKNyNQbMAtDGXSWZpr9WccsicZsy6YRn7N
        qBABsrzWuzX+MzdU8YK1Zj+UzdI80VLjXil/ECAWNPCModJnk5Q8h4fFi8JyWq36
        5i8QI0OPT4JbLoe8MFTq4GWfj3kUFUe2LgU85A69AoGBAKWFjaz6w2wxei5NBdFE
        3eLJEKueJxGmVKyiHDgmo/S2KMZUKfTWDQzwDAseW5GcAmbzwV9tkar8A+C3pju3
        nYhcAY+FvTYX1jzcdO3sx0B87vcJVSzywEWMCVDFuoX9j/68Tc0ayFoL7B+acub0
        g0U/MjpBzVuRna3isgOhh43X
        -----END PRIVATE KEY-----

        """

    /// 1024 bits.
    static let shortKey = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0nBKK7sa0UaYQlU2nBXWYtEbg
        UeAGWUIO4Xn2fCq05upnKiI4ienbnLrtcFA8cvRjesSbB1LMwUUBpsIHinubp150
        D+ZCGQNiQZ31N1HnsASw91j/zzGPC/gE2aD9g2jw7aCL9a6AMXpjL/o1hQQbbaPP
        u9fay1FXBpORluvaYQIDAQAB
        -----END PUBLIC KEY-----

        """

    /// No RSA key, but one of the curve P-256.
    static let curveKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVnOWiPd7h8naskWpBwE3kerMVVpM
        xbUBYIT3xnzvPZyFKt//YHsdZh4T6qsd7bUplf9GTVMD5jFOUYTaYkRmcw==
        -----END PUBLIC KEY-----

        """
}
