import Foundation
import MySQLClient
import Testing

/// What `fedify-kv` reports of a failure or a mistake.
@Suite struct CommandLineErrorTests {
    /// Some commands use the store, others its connections.
    @Test(arguments: try await TestServer.all)
    func aFailureIsTheSameForEveryCommand(_ server: TestServer) async throws {
        try await server.withUser(granted: nil) { user, _ in
            let address = "127.0.0.1:\(server.ports[0])/\(server.configuration.database)"
            for (url, part) in [
                ("mysql://\(user):wrong@\(address)", "1045"), ("mysql://u:p@127.0.0.1:1/d?deadline=1", "127.0.0.1:1"),
            ] {
                for json in [[], ["--json"]] {
                    var seen: Set<String> = []
                    for command in [
                        ["get", "k"], ["set", "k", "--value", "1"], ["doctor"], ["sweep"], ["stats"], ["init"],
                    ] {
                        let outcome = try await CommandLineTool.run(command + json, url: url)
                        #expect(outcome.exitCode == 3 && outcome.output.isEmpty, "\(command): \(outcome)")
                        seen.insert(outcome.errors)
                    }
                    #expect(seen.count == 1, "\(seen)")
                    #expect(seen.allSatisfy { $0.contains("connectionFailed") && $0.contains(part) }, "\(seen)")
                }
            }
        }
    }

    @Test(arguments: [
        ("put", "set"), ("PUT", "set"), ("exprot", "export"), ("gett", "get"), ("lst", "list"), ("rm", "delete"),
        ("nonsense", nil), ("x", nil),
    ])
    func anUnknownCommandIsNamed(_ name: String, _ suggestion: String?) async throws {
        for json in [false, true] {
            let outcome = try await CommandLineTool.run([name, "k", "v"] + (json ? ["--json"] : []), url: nil)
            #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
            let errors = outcome.errors.replacing("\\\"", with: "\"")
            #expect(errors.contains("There is no command \"\(name)\"."), "\(errors)")
            #expect(errors.contains("Did you mean \"\(suggestion ?? "")\"?") == (suggestion != nil), "\(errors)")
            #expect(errors.contains("get, set, delete, cas, list,") && errors.contains("doctor"), "\(errors)")
            #expect(errors.contains("\"code\":\"usage\"") == json, "\(errors)")
        }
    }

    /// That of the newest release in the changelog.
    @Test func theVersionIsPrinted() async throws {
        let changelog = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../CHANGELOG.md"),
            encoding: .utf8)
        let version = try #require(changelog.firstMatch(of: /\n## [^\n]*?([0-9]+\.[0-9]+\.[0-9]+)/)).output.1
        let outcome = try await CommandLineTool.run(["--version"], url: nil)
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty && outcome.output == version + "\n", "\(outcome)")
    }

    /// The codes in the help are the ones in the article.
    @Test func exitCodesAreDocumented() async throws {
        let help = try await CommandLineTool.run(["--help"], url: nil).output
        let article = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Sources/FedifyMySQL/FedifyMySQL.docc/CommandLineTool.md"), encoding: .utf8)
        for code in [0, 1, 2, 3, 130] {
            #expect(help.contains("\n  \(code) "), "\(code)")
            #expect(article.contains("\n| \(code) |"), "\(code)")
        }
    }
}
