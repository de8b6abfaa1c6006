import Foundation
import Testing

@testable import MySQLClient

@Suite struct MySQLConfigurationTests {
    @Test func aURLIsRead() throws {
        let full = try MySQLConfiguration(
            url: "mysql://us%40er:p%3A%2F%40ss:w@db.example:3307/my%20db?tls=require&connect-timeout=1.5&deadline=2"
                + "&pool-size=7&allow-public-key-retrieval=true")
        #expect(full.addresses == [.tcp(host: "db.example", port: 3307)])
        #expect(full.user == "us@er" && full.password.text == "p:/@ss:w" && full.database == "my db")
        #expect(
            full.tls.mode == .require && full.connectTimeout == .seconds(1.5) && full.operationTimeout == .seconds(2))
        #expect(full.pool.maximumConnections == 7 && full.allowPublicKeyRetrieval)

        let short = try MySQLConfiguration(url: "mariadb://root@localhost/fedify")
        #expect(short.addresses == [.tcp(host: "localhost", port: 3306)])
        #expect(short.password.text.isEmpty && short.tls.mode == .prefer && short.operationTimeout == .seconds(10))
        #expect(try MySQLConfiguration(url: "mysql://u:p@[::1]/d").addresses == [.tcp(host: "::1", port: 3306)])
        #expect(
            try MySQLConfiguration(url: "mysql://u:p@[fe80::1]:33/d").addresses == [.tcp(host: "fe80::1", port: 33)])
        #expect(try MySQLConfiguration(url: "mysql://u:p@ss@h/d").password.text == "p@ss")
        let several = try MySQLConfiguration(url: "mysql://u:p@a,b.example:3307,[::1],[fe80::1]:33/d")
        #expect(
            several.addresses == [
                .tcp(host: "a"), .tcp(host: "b.example", port: 3307), .tcp(host: "::1"),
                .tcp(host: "fe80::1", port: 33),
            ])
        let socket = try MySQLConfiguration(url: "mysql://u:p@/d?socket=/run/my%20sql.sock")
        #expect(socket.addresses == [.unixSocket(path: "/run/my sql.sock")])
    }

    /// Each setting by its long name, and each alias.
    @Test func aURLHasTheNamesOfTheProperties() throws {
        let pem = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Certificates/right.pem").path
        let long = try MySQLConfiguration(
            url: "mysql://u@h/d?tls-mode=verify-ca&tls-certificate-authority-file=\(pem)&tls-certificate-file=\(pem)"
                + "&tls-private-key-file=\(pem)&server-public-key-file=\(pem)&allow-public-key-retrieval=true"
                + "&allow-cleartext-password=true&connect-timeout=1&operation-timeout=100000&lock-wait-timeout=3"
                + "&maximum-packet-size=100000&maximum-prepared-statements=5&pool-maximum-connections=6"
                + "&pool-acquisition-timeout=0.5&pool-maximum-queued-operations=8&pool-idle-timeout=9"
                + "&pool-maximum-lifetime=10")
        #expect(long.tls.mode == .verifyCA && long.allowPublicKeyRetrieval && long.allowCleartextPassword)
        #expect(
            [
                long.tls.certificateAuthorityFile, long.tls.certificateFile, long.tls.privateKeyFile,
                long.serverPublicKeyFile,
            ]
                == [pem, pem, pem, pem])
        #expect(long.connectTimeout == .seconds(1) && long.operationTimeout == .seconds(100_000))
        #expect(long.lockWaitTimeout == .seconds(3) && long.pool.acquisitionTimeout == .milliseconds(500))
        #expect(long.maximumPacketSize == 100_000 && long.maximumPreparedStatements == 5)
        #expect(long.pool.maximumConnections == 6 && long.pool.maximumQueuedOperations == 8)
        #expect(long.pool.idleTimeout == .seconds(9) && long.pool.maximumLifetime == .seconds(10))
        let short = try MySQLConfiguration(
            url: "mysql://u@h/d?tls=verify-ca&tls-ca=\(pem)&tls-cert=\(pem)&tls-key=\(pem)&server-public-key=\(pem)"
                + "&deadline=100000&pool-size=6")
        #expect(short.tls.mode == long.tls.mode && short.tls.privateKeyFile == pem && short.serverPublicKeyFile == pem)
        #expect(short.operationTimeout == long.operationTimeout && short.pool.maximumConnections == 6)
    }

    @Test(arguments: [
        ("", "mysql://"), ("mysql://u:hunter2@h/d?tls=off&tls-mode=off", "tls-mode is given twice"),
        ("mysql://u:hunter2@h/d?pool-idle-timeout=1e9", "from 0 to a year"), ("localhost/db", "mysql://"),
        ("postgres://u:hunter2@h/d", "scheme"),
        ("mysql://u:hunter2@h", "the database is missing"), ("mysql://h/d", "the user is missing"),
        ("mysql://u:hunter2@/d", "the host is missing"),
        ("mysql://u:hunter2@h:0/d", "port"), ("mysql://u:hunter2@h:99999/d", "port"),
        ("mysql://u:hunter2@h:x/d", "port"),
        ("mysql://u:hunter2%zz@h/d", "password"), ("mysql://u%2:hunter2@h/d", "user"),
        ("mysql://u:hunter2%ff@h/d", "UTF-8"),
        ("mysql://u:hunter2@::1/d", "brackets"), ("mysql://u:hunter2@[::1/d", "bracket"),
        ("mysql://u:hunter2@[::1]x/d", "IPv6"),
        ("mysql://u:hunter2@h/d?tls=on", "verify-ca"), ("mysql://u:hunter2@h/d?tls", "no value"),
        ("mysql://u:hunter2@h/d?tls=off&tls=off", "twice"), ("mysql://u:hunter2@h/d?ssk=1", "unknown parameter"),
        ("mysql://u:hunter2@h/d?tls=verify-ca", "tls-ca"),
        ("mysql://u:hunter2@h/d?tls-ca=/no/such/file", "can't be read"),
        ("mysql://u:hunter2@h/d?deadline=0", "deadline"), ("mysql://u:hunter2@h/d?deadline=-1", "deadline"),
        ("mysql://u:hunter2@h/d?connect-timeout=nan", "connect-timeout"), ("mysql://u:hunter2@h/d?pool-size=0", "pool"),
        ("mysql://u:hunter2@h/d?pool-size=many", "pool-size"), ("mysql://u:hunter2@h/d?socket=/s", "socket"),
        ("mysql://u:hunter2@a%2Cb/d", "comma"),
        ("mysql://u:hunter2@a,,b/d", "the host is missing"), ("mysql://u:hunter2@a,b,a:3306/d", "twice"),
        ("mysql://u:hunter2@a,b:x/d", "port"), ("mysql://u:hunter2@a,b/d?socket=/s", "socket"),
        ("mysql://u:hunter2#@h/d", "%23"), ("mysql://u:hunter2%00@h/d", "NUL"),
        ("mysql://u:hunter2@h/d?x\u{1b}[31m=1", "u{1b}"),
        ("mysql://u:hunter2@/d?socket=/\(String(repeating: "x", count: 200))", "socket"),
    ])
    func aWrongURLSaysWhatIsWrong(_ url: String, _ reason: String) {
        let error = #expect(throws: MySQLError.self) { try MySQLConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("hunter2") == false)
        #expect(error?.message.contains("\u{1b}") == false)
    }

    @Test func nothingPrintsThePassword() throws {
        let configuration = try MySQLConfiguration(url: "mysql://user:hunter2@h/d")
        var text = "\(configuration) \(String(reflecting: configuration)) \(configuration.password)"
        dump(configuration, to: &text)
        dump(try MySQLPool(configuration), to: &text)
        #expect(!text.contains("hunter2"))
        #expect(text.contains("<secret>"))
    }

    @Test func strangersTextIsEscapedAndCut() {
        #expect("a\nb\u{1b}[0m\u{202E}".escaped() == "a\\u{a}b\\u{1b}[0m\\u{202e}")
        #expect("é😀".escaped() == "é😀")
        #expect(String(repeating: "x", count: 300).escaped().count == 257)
    }

    /// A ? that should have been written %3F: the text after it belongs to the password, not to a parameter's name.
    @Test func aPasswordWithAQuestionMarkIsNotShown() throws {
        let error = #expect(throws: MySQLError.self) { try MySQLConfiguration(url: "mysql://u:pass?word@host/db") }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("word@") == false && error?.message.contains("%3F") == true)
    }

    /// An accent after a separator forms one character with it.
    @Test func anAccentHidesNoSeparator() throws {
        let error = #expect(throws: MySQLError.self) {
            try MySQLConfiguration(url: "mysql://u:hun?ter2@\u{301}host/db?ssl=1")
        }
        #expect(error?.message.contains("ter2") == false)
        let found = try MySQLConfiguration(url: "mysql://u:\u{301}p@\u{301}h/\u{301}d")
        #expect(found.password.text == "\u{301}p")
        #expect(found.addresses == [.tcp(host: "\u{301}h")])
        #expect(found.database == "\u{301}d")
    }

    /// One list says which parameters there are.
    @Test func theParametersOfAURLAreThoseThatAreListed() throws {
        let error = try #require(
            throws: MySQLError.self, performing: { try MySQLConfiguration(url: "mysql://host/db?no-such-one=1") })
        let names = error.message.split(separator: "known are ").last?.split { !($0.isLetter || $0 == "-") } ?? []
        #expect(Set(names.map(String.init)) == Set(MySQLConfiguration.parameterNames))
    }
}
