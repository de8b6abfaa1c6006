import CMariaDB
import COpenSSL
import Foundation

/// The client's side of MySQL's `caching_sha2_password`, in the place of Connector/C's.
///
/// Connector/C 3.3 takes a connection for encrypted as soon as TLS was wished for, and then sends the password in
/// clear to a server that offers none; it never reads a public key that was named; and it trusts any key the server
/// sends. (MySQL: "Caching SHA-2 Pluggable Authentication".)
enum CachingSHA2Password {
    static let name = "caching_sha2_password"

    /// Registers the plugin with Connector/C, once a process. False if another one of this name came first.
    static let isRegistered: Bool = {
        // Connector/C keeps the pointers for as long as the process runs.
        let plugin = UnsafeMutablePointer<st_mysql_client_plugin_AUTHENTICATION>.allocate(capacity: 1)
        plugin.initialize(to: st_mysql_client_plugin_AUTHENTICATION())
        plugin.pointee.type = Int32(MYSQL_CLIENT_AUTHENTICATION_PLUGIN)
        plugin.pointee.interface_version = UInt32(MYSQL_CLIENT_AUTHENTICATION_PLUGIN_INTERFACE_VERSION)
        plugin.pointee.name = UnsafePointer(strdup(name))
        plugin.pointee.license = UnsafePointer(strdup("MIT"))
        plugin.pointee.authenticate_user = { vio, mysql in
            guard let vio, let mysql, let attempt = ConnectionReads.of(mysql)?.attempt else { return CR_ERROR }
            return authenticate(Channel(vio: vio), mysql, attempt)
        }
        guard let mysql = mysql_init(nil) else { return false }
        defer { mysql_close(mysql) }
        return plugin.withMemoryRebound(to: st_mysql_client_plugin.self, capacity: 1) { header in
            mysql_client_register_plugin(mysql, header) == header
        }
    }()

    /// The packets of the exchange.
    private struct Channel {
        let vio: UnsafeMutablePointer<MYSQL_PLUGIN_VIO>

        func read() -> [UInt8]? {
            var packet: UnsafeMutablePointer<UInt8>?
            let count = vio.pointee.read_packet(vio, &packet)
            guard count >= 0, let packet else { return nil }
            return Array(UnsafeBufferPointer(start: packet, count: Int(count)))
        }

        func write(_ bytes: [UInt8]) -> Bool {
            vio.pointee.write_packet(vio, bytes, Int32(bytes.count)) == 0
        }
    }

    private static let requestPublicKey: UInt8 = 2
    private static let isCached: UInt8 = 3
    private static let needsPassword: UInt8 = 4
    private static let nonceLength = 20

    private static func authenticate(
        _ channel: Channel, _ mysql: UnsafeMutablePointer<MYSQL>, _ attempt: ConnectionAttempt
    ) -> Int32 {
        guard let greeting = channel.read(), greeting.count == nonceLength + 1 else { return CR_ERROR }
        let nonce = Array(greeting.prefix(nonceLength))
        let password = Array(attempt.password.utf8)
        if password.isEmpty { return channel.write([]) ? CR_OK : CR_ERROR }
        guard let scramble = scramble(password, nonce), channel.write(scramble), let answer = channel.read() else {
            return CR_ERROR
        }
        if answer == [isCached] { return CR_OK }
        guard answer == [needsPassword] else { return CR_ERROR }

        // The server wants the password itself.
        if mysql_get_ssl_cipher(mysql) != nil || attempt.isUnixSocket {
            return channel.write(password + [0]) ? CR_OK : CR_ERROR
        }
        let key: [UInt8]
        if let file = attempt.serverPublicKeyFile {
            guard let contents = FileManager.default.contents(atPath: file) else {
                attempt.refuse("the server's public key, \(file.escaped()), can't be read")
                return CR_ERROR
            }
            key = Array(contents)
        } else if attempt.allowPublicKeyRetrieval {
            guard channel.write([requestPublicKey]), let sent = channel.read() else { return CR_ERROR }
            key = sent
        } else {
            attempt.refuse(
                "the server asks for the password on a connection without TLS; use tls=require, or name the server's "
                    + "RSA key with server-public-key, or trust the key it sends with allow-public-key-retrieval=true")
            return CR_ERROR
        }
        let masked = (password + [0]).enumerated().map { $1 ^ nonce[$0 % nonceLength] }
        guard let encrypted = encrypt(masked, key) else {
            attempt.refuse("the server's public key is no RSA key in PEM form, or too short for the password")
            return CR_ERROR
        }
        return channel.write(encrypted) ? CR_OK : CR_ERROR
    }

    /// XOR(SHA256(password), SHA256(SHA256(SHA256(password)), nonce)).
    private static func scramble(_ password: [UInt8], _ nonce: [UInt8]) -> [UInt8]? {
        guard let once = sha256(password), let twice = sha256(once), let mask = sha256(twice + nonce) else {
            return nil
        }
        return zip(once, mask).map { $0 ^ $1 }
    }

    private static func sha256(_ bytes: [UInt8]) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil) == 1 else { return nil }
        return Array(digest.prefix(Int(count)))
    }

    /// RSA with OAEP padding, as the server expects it.
    private static func encrypt(_ bytes: [UInt8], _ pem: [UInt8]) -> [UInt8]? {
        guard let bio = BIO_new_mem_buf(pem, Int32(pem.count)) else { return nil }
        defer { BIO_free(bio) }
        guard let key = PEM_read_bio_PUBKEY(bio, nil, nil, nil) else { return nil }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_PKEY_CTX_new(key, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var count = 0
        guard EVP_PKEY_encrypt_init(context) == 1,
            EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
            EVP_PKEY_encrypt(context, nil, &count, bytes, bytes.count) == 1
        else { return nil }
        var encrypted = [UInt8](repeating: 0, count: count)
        guard EVP_PKEY_encrypt(context, &encrypted, &count, bytes, bytes.count) == 1 else { return nil }
        return Array(encrypted.prefix(count))
    }
}
