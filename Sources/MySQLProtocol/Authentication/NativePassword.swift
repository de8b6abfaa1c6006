import Crypto

/// `mysql_native_password`. MySQL: "Native Pluggable Authentication".
enum NativePassword {
    /// SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); nothing for an empty password.
    static func scramble(password: [UInt8], nonce: [UInt8]) -> [UInt8] {
        guard !password.isEmpty else { return [] }
        let once = Array(Insecure.SHA1.hash(data: password))
        let twice = Array(Insecure.SHA1.hash(data: once))
        return zip(once, Insecure.SHA1.hash(data: nonce + twice)).map { $0 ^ $1 }
    }
}
